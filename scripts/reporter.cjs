// Mocha's spec reporter, that also writes its counts to the file named by GRAPHDRIVER_RESULTS.
const { writeFileSync } = require('node:fs')
const { reporters, Runner } = require('mocha')

module.exports = class Results extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options)
    const skipped = []
    runner.on(Runner.constants.EVENT_TEST_PENDING, (test) => skipped.push(test.fullTitle()))
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures } = runner.stats
      const file = process.env.GRAPHDRIVER_RESULTS
      if (file)
        writeFileSync(file, JSON.stringify({ passed: passes, failed: failures, skipped, ended: Date.now() }))
    })
  }
}
