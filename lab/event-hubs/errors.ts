/** An AMQP error as the service closes a link or rejects a message with it. */
export interface LinkRefusal {
  readonly condition: string;
  readonly description: string;
}

export const refusals = {
  unauthorized: (what: string): LinkRefusal => ({
    condition: "amqp:unauthorized-access",
    description: `Unauthorized access. 'Send' or 'Listen' claim(s) are required to perform this operation. Resource: '${what}'.`,
  }),
  notFound: (what: string): LinkRefusal => ({
    condition: "amqp:not-found",
    description: `The messaging entity '${what}' could not be found.`,
  }),
  badPartition: (id: string, count: number): LinkRefusal => ({
    condition: "com.microsoft:argument-out-of-range",
    description: `The specified partition is invalid for an EventHub partition sender or receiver. It should be between 0 and ${count - 1}. Parameter name: PartitionId. Actual value was ${id}.`,
  }),
  badFilter: (selector: string): LinkRefusal => ({
    condition: "amqp:invalid-field",
    description: `The selector '${selector}' is not a position in an event hub.`,
  }),
  stolen: (group: string, partition: string, epoch: number): LinkRefusal => ({
    condition: "amqp:link:stolen",
    description: `New receiver with higher epoch of '${epoch}' is created hence current receiver is getting disconnected. ConsumerGroup: '${group}', Partition: '${partition}'.`,
  }),
  epochTooLow: (group: string, partition: string, mine: number | undefined, theirs: number): LinkRefusal => ({
    condition: "amqp:link:stolen",
    description: `At least one receiver for the endpoint is created with epoch of '${theirs}', and so ${mine === undefined ? "non-epoch receiver" : `a receiver with epoch of '${mine}'`} is not allowed. ConsumerGroup: '${group}', Partition: '${partition}'.`,
  }),
  tooManyReaders: (group: string, partition: string): LinkRefusal => ({
    condition: "amqp:resource-limit-exceeded",
    description: `Exceeded the maximum number of allowed receivers per partition in a consumer group which is 5. ConsumerGroup: '${group}', Partition: '${partition}'.`,
  }),
  busy: (): LinkRefusal => ({
    condition: "com.microsoft:server-busy",
    description:
      "The request was terminated because the entity is being throttled. Please wait 4 seconds and try again.",
  }),
  internal: (): LinkRefusal => ({
    condition: "amqp:internal-error",
    description: "The service was unable to process the request; please retry the operation.",
  }),
  tooLarge: (bytes: number): LinkRefusal => ({
    condition: "amqp:link:message-size-exceeded",
    description: `The received message (${bytes} bytes) exceeds the limit of the link.`,
  }),
} as const;
