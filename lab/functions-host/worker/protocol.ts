/** Values between host and app, as `RpcTypedData` of the Functions worker protocol: the first defined field counts. */
export interface TypedData {
  readonly string?: string;
  readonly json?: string;
  readonly bytes?: Uint8Array;
  readonly int?: number;
  readonly double?: number;
  readonly http?: RpcHttp;
  readonly collectionBytes?: { readonly bytes: readonly Uint8Array[] };
  readonly collectionString?: { readonly string: readonly string[] };
  readonly collectionSint64?: { readonly sint64: readonly number[] };
}

type Nullable = Readonly<Record<string, { readonly value: string }>>;

/** An HTTP request (url, method …) or response (statusCode, cookies …) in buffered mode. */
export interface RpcHttp {
  readonly url?: string;
  readonly method?: string;
  readonly nullableHeaders?: Nullable;
  readonly nullableQuery?: Nullable;
  readonly nullableParams?: Nullable;
  readonly body?: TypedData | null;
  readonly statusCode?: string | number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cookies?: readonly RpcCookie[];
}

interface Wrapped<T> {
  readonly value: T;
}
export interface RpcCookie {
  readonly name: string;
  readonly value: string;
  readonly domain?: Wrapped<string>;
  readonly path?: Wrapped<string>;
  readonly expires?: { readonly value: string | { readonly seconds: number } };
  readonly secure?: Wrapped<boolean>;
  readonly httpOnly?: Wrapped<boolean>;
  readonly sameSite?: string | number;
  readonly maxAge?: Wrapped<number>;
}

/** One binding of a function, with the options the app gave it. */
export interface Binding {
  readonly type: string;
  readonly direction: string;
  readonly [option: string]: unknown;
}

export interface RegisteredFunction {
  readonly name: string;
  readonly bindings: Readonly<Record<string, Binding>>;
  readonly retryOptions?: RetryPolicy;
}

interface Duration {
  readonly seconds?: number;
  readonly nanos?: number;
}
/** `maxRetryCount` -1 means without end. */
export interface RetryPolicy {
  readonly retryStrategy: string | number;
  readonly maxRetryCount: number;
  readonly delayInterval?: Duration;
  readonly minimumInterval?: Duration;
  readonly maximumInterval?: Duration;
}

export interface NamedData {
  readonly name: string;
  readonly data: TypedData;
}

export interface RetryContext {
  readonly retryCount: number;
  readonly maxRetryCount: number;
  readonly exception?: { readonly message: string; readonly stackTrace: string; readonly source: string };
}

export interface Invocation {
  readonly functionName: string;
  readonly inputs: readonly NamedData[];
  readonly triggerMetadata?: Readonly<Record<string, TypedData>>;
  readonly retryContext?: RetryContext;
  /** Default: a new one. */
  readonly invocationId?: string;
  /** Orchestrators: run it a second time with the same input and compare the answers. Default false. */
  readonly twice?: boolean;
}

export type InvocationAnswer =
  | {
      readonly ok: true;
      readonly returnValue?: TypedData | null;
      readonly outputs: readonly NamedData[];
      readonly observed?: Observed;
    }
  | { readonly ok: false; readonly message: string; readonly stack: string; readonly observed?: Observed };

/** What only the app's process can see of an orchestrator's run. */
export interface Observed {
  /** The second run's answer differed: both, shortened. */
  readonly divergence?: string;
  /** The same task stands twice in the action list: what it asks for. */
  readonly reusedTask?: string;
  /** Wall time of the first run. */
  readonly tookMs: number;
}

export type ToWorker =
  | { readonly type: "load"; readonly appDir: string; readonly hostVersion: string }
  | { readonly type: "invoke"; readonly id: number; readonly invocation: Invocation }
  | { readonly type: "ping" }
  | { readonly type: "terminate" };

export type FromWorker =
  | { readonly type: "loaded"; readonly functions: readonly RegisteredFunction[]; readonly httpUri?: string }
  | { readonly type: "refused"; readonly message: string }
  /** The handler of this invocation is about to run: whoever began last is to blame when the process hangs. */
  | { readonly type: "began"; readonly id: number }
  | { readonly type: "pong" }
  | { readonly type: "answer"; readonly id: number; readonly answer: InvocationAnswer }
  | { readonly type: "log"; readonly level: string; readonly category: string; readonly text: string };
