/** The import rules of the house; docs/architecture.md draws them. */
module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    {
      name: "domain-imports-only-itself-and-zod",
      severity: "error",
      from: { path: "^shared/domain/" },
      to: { pathNot: ["^shared/domain/", "^node_modules/zod/"] },
    },
    {
      name: "contract-imports-only-domain-and-zod",
      severity: "error",
      from: { path: "^shared/contract/" },
      to: { pathNot: ["^shared/(contract|domain)/", "^node_modules/zod/"] },
    },
    {
      name: "ports-import-only-domain-and-contract",
      severity: "error",
      from: { path: "^shared/ports/" },
      to: { pathNot: ["^shared/(ports|contract|domain)/", "^node_modules/zod/"] },
    },
    {
      name: "steps-and-use-cases-see-no-adapter",
      severity: "error",
      from: { path: "^shared/(steps|use-cases)/" },
      to: { pathNot: ["^shared/(steps|use-cases|ports|contract|domain)/", "^node_modules/zod/", "^node:", "^crypto$"] },
    },
    {
      name: "only-the-composition-root-imports-adapters",
      severity: "error",
      from: { path: "^(functions|orchestrations|shared)/", pathNot: ["^functions/index\\.ts$", "^shared/adapters/"] },
      to: { path: "^shared/adapters/" },
    },
    {
      name: "orchestrations-see-only-domain-and-contract",
      severity: "error",
      from: { path: "^orchestrations/" },
      to: { pathNot: ["^orchestrations/", "^shared/(domain|contract)/", "^node_modules/(zod|durable-functions)/"] },
    },
    {
      name: "orchestrations-take-durable-functions-as-types-only",
      severity: "error",
      from: { path: "^orchestrations/" },
      to: { path: "^node_modules/durable-functions/", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "orchestrations-reach-no-io",
      severity: "error",
      from: { path: "^orchestrations/" },
      to: { reachable: true, path: ["^shared/(adapters|ports|steps|use-cases|config)/", "^functions/"] },
    },
    {
      name: "product-never-imports-the-lab-or-tests",
      severity: "error",
      from: { path: "^(functions|orchestrations|shared)/" },
      to: { path: "^(lab|test|bench)/" },
    },
    {
      name: "lab-never-imports-the-product",
      severity: "error",
      from: { path: "^lab/" },
      to: { path: "^(functions|orchestrations|shared|test|bench)/" },
    },
    {
      name: "verify-needs-no-network",
      severity: "error",
      from: { path: "^verify/" },
      to: {
        reachable: true,
        path: ["^(net|tls|https?|http2|dgram|dns)$", "^node_modules/(?!zod/)", "^(lab|functions)/"],
      },
    },
    {
      name: "one-file-imports-libsql",
      severity: "error",
      from: { pathNot: "^lab/functions-host/engine/sqlite\\.ts$" },
      to: { path: "^node_modules/libsql/" },
    },
    {
      name: "deployed-code-uses-no-dev-dependency",
      severity: "error",
      from: { path: "^(functions|orchestrations|shared)/" },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
  ],
  options: {
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["require", "node", "types", "default"] },
  },
};
