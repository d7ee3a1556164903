/** What the program is asked with no command, or when a command makes no sense. */
export const generalHelp = `Rollcall's lab: Azure DPS, IoT Hub, Event Hubs and storage on this machine, and the app in a Functions host.

  npm start                          play the first roll: devices, a thief, an alert, the proof; Ctrl-C ends it
  npm start -- --exit                the same, ends by itself; exit code 0 only if every claim held
  npm start -- --scenario NAME       play another scenario
  npm start -- --list                which scenarios there are
  npm run lab [-- OPTIONS]           only the Azure side, for your own experiments; \`npm run lab -- --help\`
  npm run host [-- --port N]         the app, against the lab of \`npm run lab\` (default port 7071)
                                     --folder DIR: where that lab was told to leave its settings
  npm run host -- --app DIR          any Functions app: [--port N] [--store FILE] [--workers N] [--guards on|off]
                                     [--profile none|azure-storage] [--durable] [--json]

A first look: \`npm start\`, and while it runs \`curl -s <the status URL it prints>\`.
Where a claim is printed BROKEN, its sentence names the device, the door and how late it closed.`;

/** What `npm run lab -- --help` prints. */
export const labHelp = `Azure DPS, IoT Hub, Event Hubs and storage on this machine, for the official SDKs.

  npm run lab [-- OPTIONS]

  --devices N           enroll lab-device-1 to lab-device-N; leaf, chain and key in FOLDER/devices
  --hubs N              hubs linked to DPS: lab-hub, lab-hub-2 … (default 1)
  --folder DIR          where settings and certificates are left (default .rollcall)
  --state               keep the registries in FOLDER/state when the lab ends, and resume them: the same authority, ports,
                        keys, enrollments, registrations, identities and twins. Messages and connections are not kept.
                        Without it a lab starts empty (storage alone is always kept, in FOLDER/storage).
  --port-base N         fixed ports: N DPS over HTTPS, N+1 DPS over MQTT, N+2 Event Hubs, N+10 and N+11 the first hub
                        over HTTPS and MQTT, N+12 and N+13 the second … (default: free ones; storage always)
  --quotas              throttle as Azure does (DPS, and hubs of tier S1 with one unit)
  --time-scale X        with --quotas: throttles refill X times faster
  --switch NAME=VALUE   what Azure leaves open, decided otherwise; as often as you like
  --switches            list all switches, their values and defaults
  --verbose             a line per request, connection and message
  --help                this

Examples
  npm run lab -- --devices 3
  npm run lab -- --state --hubs 2 --port-base 21000
  npm run lab -- --quotas --time-scale 60 --switch hub.quotas.tier=S2
  npm run lab -- --switch dps.assignDelayMs=5000 --switch hub.dropSessionOnDisable=false --verbose

Programs on the official SDKs for Node, unchanged
  node --env-file=.rollcall/devices/lab-device-1/device.env YOUR-DEVICE.js
  node --env-file=.rollcall/lab.env YOUR-SERVICE.js
  The files set the variables that Microsoft's samples read, and NODE_OPTIONS, which loads a module that leads Azure's
  names to the lab's ports (TLS only; Event Hubs and storage have connection strings of their own).

The same in your own code (ports and CA file as printed)
  service   const agent = new https.Agent({ host: "127.0.0.1", port: HTTPS, ca: readFileSync(CA), keepAlive: true });
            const client = new RestApiClient(config, "me/1");               // azure-iot-http-base
            const dps = new ProvisioningServiceClient(config, client);
            client.setOptions({ http: { agent } });                         // last: Registry and others replace it
  ARM       new IotDpsClient({ getToken: async () => ({ token: ARM_TOKEN, expiresOnTimestamp: Date.now() + 3e6 }) },
            subscription, { endpoint: "https://127.0.0.1:HTTPS", tlsOptions: { ca } })
  device    with NODE_EXTRA_CA_CERTS=CA in the environment: provisioning host "localhost:MQTT" (of DPS), then
            Client.fromConnectionString("HostName=localhost:MQTT;DeviceId=…;x509=true", Mqtt) (of the assigned hub).
            Or keep Azure's names: new MqttBase(provider) of azure-iot-mqtt-base, whose provider's connect(uri, options)
            goes to the port with options.ca and options.servername set, for either SDK's Mqtt.
  events    the connection string as printed (plain AMQP, as with Microsoft's Event Hubs emulator)

What is emulated and what is not: lab/FIDELITY.md.`;
