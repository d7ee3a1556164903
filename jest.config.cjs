const transform = {
  "^.+\\.ts$": [
    // `npm run soak` breaks the app on purpose, and looks whether the model test notices.
    process.env.MODEL_MUTANT === undefined ? "@swc/jest" : "<rootDir>/test/support/mutating-transform.mjs",
    { jsc: { target: "es2022", parser: { syntax: "typescript" } }, module: { type: "commonjs" } },
  ],
};

/** One project per kind of proof; `npx jest --selectProjects unit replay` runs the fast ones. */
const project = (name) => ({
  displayName: name,
  testEnvironment: "node",
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  transform,
});

module.exports = {
  projects: ["unit", "replay", "contract", "lab", "e2e"].map(project),
  testTimeout: 60_000,
  maxWorkers: 2,
};
