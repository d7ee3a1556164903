/** An alert of each shape about the same device, as its documentation shows them, with ids of our own. */
const HUB =
  "/subscriptions/7c1f0000-0000-4000-8000-00000000a001/resourceGroups/rg-fleet/providers/Microsoft.Devices/IotHubs/ih-fleet-prod";

export const exported = (changes: object = {}): object => ({
  id: `${HUB.split("/providers")[0] ?? ""}/providers/Microsoft.Security/locations/westeurope/alerts/a-1`,
  name: "a-1",
  type: "Microsoft.Security/Locations/alerts",
  properties: {
    status: "Active",
    severity: "Medium",
    alertType: "IoT_Cert_Print_Mismatch",
    alertDisplayName: "x.509 device certificate thumbprint mismatch",
    timeGeneratedUtc: "2026-01-01T09:14:03.120Z",
    startTimeUtc: "2026-01-01T09:12:40Z",
    compromisedEntity: "ih-fleet-prod",
    systemAlertId: "a-1",
    resourceIdentifiers: [{ type: "AzureResource", azureResourceId: HUB }],
    entities: [{ $id: "1", type: "iotdevice", DeviceId: "pump-1", IoTHub: { $ref: "2" } }],
    extendedProperties: { DeviceId: "pump-1", Thumbprint: "5E4D0C1B2A39485766758493A2B1C0DFEEFF0011" },
    ...changes,
  },
});

export const securityAlert = (changes: object = {}): object => ({
  SystemAlertId: "s-1",
  AlertType: "fleet-rule-17",
  AlertName: "Device key reuse",
  AlertSeverity: "High",
  ProviderName: "ASI Scheduled Alerts",
  ProductName: "Azure Sentinel",
  TimeGenerated: "2026-01-01T09:31:00Z",
  CompromisedEntity: "pump-1",
  Entities: '[{"$id":"3","Type":"iotdevice","DeviceId":"pump-1"}]',
  ExtendedProperties: '{"Query Period":"00:05:00"}',
  ...changes,
});

export const incident = (changes: object = {}): object => ({
  object: {
    id: "/subscriptions/7c1f/providers/Microsoft.SecurityInsights/Incidents/i-1",
    name: "i-1",
    properties: {
      title: "Keys of a pump",
      severity: "High",
      status: "New",
      createdTimeUtc: "2026-01-01T09:31:00Z",
      relatedEntities: [{ kind: "IoTDevice", properties: { deviceId: "pump-1" } }],
      ...changes,
    },
  },
});

export const monitor = (essentials: object = {}, customProperties: unknown = null): object => ({
  schemaId: "azureMonitorCommonAlertSchema",
  data: {
    essentials: {
      alertId: "/subscriptions/7c1f/providers/Microsoft.AlertsManagement/alerts/m-1",
      alertRule: "dps-unauthorized-spike",
      severity: "Sev1",
      signalType: "Log",
      monitorCondition: "Fired",
      monitoringService: "Log Alerts V2",
      alertTargetIDs: [
        "/subscriptions/7c1f/resourcegroups/rg-fleet/providers/microsoft.devices/provisioningservices/dps-fleet",
      ],
      firedDateTime: "2026-01-01T09:20:00.000Z",
      description: "401s from DPS",
      ...essentials,
    },
    alertContext: {
      conditionType: "LogQueryCriteria",
      condition: { allOf: [{ dimensions: [{ name: "registrationId", value: "pump-1" }] }] },
    },
    customProperties,
  },
});

export const gridEvent = (changes: object = {}): object => ({
  id: "g-1",
  topic: "/subscriptions/7c1f/resourceGroups/rg/providers/Microsoft.EventGrid/topics/soc",
  subject: "enrollments/pump-1",
  eventType: "com.example.security.keycompromise",
  eventTime: "2026-01-01T09:30:00Z",
  data: { severity: "high", reason: "key on a paste site" },
  dataVersion: "1",
  metadataVersion: "1",
  ...changes,
});

export const cloudEvent = (changes: object = {}): object => ({
  specversion: "1.0",
  id: "c-1",
  source: "/soc/cases",
  type: "com.example.security.keycompromise.v1",
  subject: "enrollments/pump-1",
  time: "2026-01-01T09:30:00Z",
  datacontenttype: "application/json",
  data: { severity: "critical", scope: "leaf", confidence: 0.93 },
  ...changes,
});

export const validation = {
  ...gridEvent({ eventType: "Microsoft.EventGrid.SubscriptionValidationEvent", subject: "" }),
  data: { validationCode: "0000AAAA-0000", validationUrl: "https://rp-westeurope.eventgrid.azure.net/x" },
};
