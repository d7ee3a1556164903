import eslint from "@eslint/js";
import { builtinModules } from "node:module";
import tseslint from "typescript-eslint";

/** What would make a replayed generator take another path than it took the first time. */
const nondeterminism = [
  { selector: "NewExpression[callee.name='Date']", message: "Use now(ctx) from orchestrations/durable.ts." },
  { selector: "CallExpression[callee.name='Date']", message: "Use now(ctx) from orchestrations/durable.ts." },
  { selector: "MemberExpression[object.name='Date']", message: "Use now(ctx) from orchestrations/durable.ts." },
  {
    selector: "MemberExpression[object.name='Math'][property.name='random']",
    message: "Draw randomness in an activity.",
  },
  { selector: ":function[async=true]", message: "Orchestrators are synchronous generators." },
  { selector: "AwaitExpression", message: "Orchestrators yield, never await." },
  {
    selector: "VariableDeclaration[kind='let'][parent.type='Program']",
    message: "No module state: it would survive from one replay to the next.",
  },
];

export default tseslint.config(
  { ignores: ["dist/**", "node_modules/**", "coverage/**", ".rollcall/**"] },
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  eslint.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
    },
  },
  { files: ["**/*.mjs", "**/*.cjs"], ...tseslint.configs.disableTypeChecked },
  {
    files: ["**/*.cjs"],
    languageOptions: { globals: { module: "writable", process: "readonly", require: "readonly" } },
  },
  {
    files: ["orchestrations/**/*.ts", "shared/domain/**/*.ts", "shared/contract/**/*.ts"],
    rules: {
      "no-restricted-syntax": ["error", ...nondeterminism],
      "no-restricted-globals": [
        "error",
        ...["process", "crypto", "performance", "fetch", "setTimeout", "setInterval", "setImmediate"],
        ...["queueMicrotask", "console", "require", "Promise", "Intl", "Buffer"],
      ],
      "no-restricted-imports": ["error", { paths: builtinModules.flatMap((name) => [name, `node:${name}`]) }],
    },
  },
  // The two doors to the calendar: text <-> Instant, and the Durable clock.
  {
    files: ["orchestrations/durable.ts", "shared/domain/instant.ts"],
    rules: { "no-restricted-syntax": "off" },
  },
  {
    files: ["test/**/*.ts"],
    rules: { "@typescript-eslint/no-non-null-assertion": "off" },
  },
);
