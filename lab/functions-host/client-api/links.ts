/** Addresses under which one instance is managed. */
export interface ManagementUrls {
  readonly id: string;
  readonly statusQueryGetUri: string;
  readonly sendEventPostUri: string;
  readonly terminatePostUri: string;
  readonly rewindPostUri: string;
  readonly purgeHistoryDeleteUri: string;
  readonly restartPostUri: string;
  readonly suspendPostUri: string;
  readonly resumePostUri: string;
}

/** The code of Azure's system key; not checked here, but clients carry it along. */
const code = "code=local";

export function managementUrls(baseUrl: string, hubName: string, id: string): ManagementUrls {
  const query = `taskHub=${hubName}&connection=Storage&${code}`;
  const instance = `${baseUrl}/instances/${id}`;
  return {
    id,
    statusQueryGetUri: `${instance}?${query}`,
    sendEventPostUri: `${instance}/raiseEvent/{eventName}?${query}`,
    terminatePostUri: `${instance}/terminate?reason={text}&${query}`,
    rewindPostUri: `${instance}/rewind?reason={text}&${query}`,
    purgeHistoryDeleteUri: `${instance}?${query}`,
    restartPostUri: `${instance}/restart?${query}`,
    suspendPostUri: `${instance}/suspend?reason={text}&${query}`,
    resumePostUri: `${instance}/resume?reason={text}&${query}`,
  };
}

/** The value of a durableClient input: where the SDK finds this host, as the extension's BindingHelper writes it. */
export function durableClientValue(options: {
  readonly baseUrl: string;
  readonly rpcBaseUrl: string | undefined;
  readonly hubName: string;
}): string {
  const { baseUrl, rpcBaseUrl, hubName } = options;
  const create = `${baseUrl}/orchestrators/{functionName}[/{instanceId}]`;
  return JSON.stringify({
    taskHubName: hubName,
    connectionName: null,
    creationUrls: {
      createNewInstancePostUri: `${create}?${code}`,
      createAndWaitOnNewInstancePostUri: `${create}?timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}&${code}`,
    },
    managementUrls: managementUrls(baseUrl, hubName, "INSTANCEID"),
    baseUrl,
    requiredQueryStringParameters: code,
    ...(rpcBaseUrl === undefined ? {} : { rpcBaseUrl }),
    httpBaseUrl: baseUrl,
  });
}
