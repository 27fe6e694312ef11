import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { LONG } from '../../figures.ts'
import { describeOn } from '../working-drivers.ts'
import { workerArguments } from './processes.ts'
import { inParallel, scratchDirectory } from './support.ts'
import { check, prepare, tryOut } from './survival.ts'
import { jobOf, type Scenario, scenarios } from './verbs.ts'

/** The process lives on: what the thread held has to be free all the same. */
describe('a worker thread ended at every step', function () {
  this.timeout(LONG ? 900_000 : 180_000)
  const scratch = scratchDirectory()

  /** Runs a scenario in a thread, up to a step, and ends the thread there. */
  async function endAt(scenario: Scenario, root: string, step: number): Promise<void> {
    const [file = '', job = ''] = workerArguments(jobOf(scenario, root, step))
    const thread = new Worker(file, { argv: [job], execArgv: [] })
    await once(thread, 'message')
    await thread.terminate()
  }

  for (const driver of ['overlay', 'vfs']) {
    describeOn(driver, driver, () => {
      for (const scenario of scenarios(driver)) {
        // What a thread leaves of a trial waits until it is old.
        if (scenario.hookOpen || (!LONG && !/^(get|remove)$/.test(scenario.verb))) continue
        it(scenario.verb, async () => {
          const { states, steps } = await tryOut(scenario, scratch.fresh)
          await inParallel(steps, async (step, at) => {
            const root = await prepare(scenario, scratch.fresh())
            await endAt(scenario, root, at + 1)
            await check(root, scenario, states, `ended at step ${String(at + 1)}, "${step}"`)
          })
        })
      }
    })
  }
})
