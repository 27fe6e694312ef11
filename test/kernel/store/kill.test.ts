import assert from 'node:assert/strict'
import { LONG, SLOWNESS } from '../../figures.ts'
import { describeOn } from '../working-drivers.ts'
import { runWorker } from './processes.ts'
import { inParallel, scratchDirectory } from './support.ts'
import { check, prepare, tryOut } from './survival.ts'
import { CHANGING, jobOf, type Scenario, scenarios } from './verbs.ts'

/** On an emulated processor a process takes seconds, and there are hundreds: every third step there. */
const STRIDE = SLOWNESS === 1 ? 1 : 3

describe('a process killed at every step', function () {
  this.timeout(LONG ? 900_000 : 180_000)
  const scratch = scratchDirectory()
  let points = 0

  after(() => {
    console.log(
      `      ${String(points)} kill points${LONG ? '' : ' (more with GRAPHDRIVER_LONG=1)'}${STRIDE === 1 ? '' : ', every third step'}`,
    )
  })

  async function killEverywhere(scenario: Scenario): Promise<void> {
    const { states, steps } = await tryOut(scenario, scratch.fresh)
    assert.ok(steps.length > 0, 'it has no steps')
    const chosen = [...steps.entries()].filter(([at]) => at % STRIDE === 0 || at === steps.length - 1)
    const seen = await inParallel(chosen, async ([at, step]) => {
      const root = await prepare(scenario, scratch.fresh())
      const outcome = await runWorker(jobOf(scenario, root, at + 1))
      assert.equal(outcome.signal, 'SIGKILL', outcome.errors)
      return check(root, scenario, states, `killed at step ${String(at + 1)}, "${step}"`)
    })
    points += seen.length
    const ends = seen.filter((state) => state !== 'between')
    assert.deepEqual(ends, [...ends].sort().reverse(), 'what was done came undone')
  }

  for (const driver of ['overlay', 'vfs']) {
    describeOn(driver, driver, () => {
      for (const scenario of scenarios(driver)) {
        if (scenario.long && !LONG) continue
        it(scenario.verb, () => killEverywhere(scenario))
        // What is usual, 'metadata', is above.
        for (const sync of ['none', 'full'] as const) {
          if (!CHANGING.test(scenario.verb)) continue
          if (!LONG && !(driver === 'overlay' && /^(create \(child|applyDiff)/.test(scenario.verb))) continue
          it(`${scenario.verb}, sync: ${sync}`, () => killEverywhere({ ...scenario, sync }))
        }
      }
    })
  }
})
