import assert from 'node:assert/strict'
import { mkdirSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { open } from 'graphdriver'
import { type Job, runWorker } from './processes.ts'
import { assertUnlocked, mountsBelow, storeSnapshot } from './support.ts'
import { jobOf, type Scenario } from './verbs.ts'

/** How a store looks before and after a verb, and in between where that is allowed. */
export interface States {
  readonly before: string[]
  readonly after: string[]
  readonly between: string[][]
}

export type State = 'before' | 'between' | 'after'

/** Makes a store in the state in which a scenario begins, in a directory of its own. */
export async function prepare(scenario: Scenario, directory: string): Promise<string> {
  const root = join(directory, 'root')
  mkdirSync(directory)
  await scenario.prepare?.(root)
  return root
}

/** Runs a verb undisturbed: the states that it leads from and to, and its steps. */
export async function tryOut(
  scenario: Scenario,
  fresh: () => string,
): Promise<{ states: States; steps: string[] }> {
  const stateAfter = async (job: Partial<Job>): Promise<[lines: string[], steps: string[]]> => {
    const root = await prepare(scenario, fresh())
    const { code, steps, errors } = await runWorker({ ...jobOf(scenario, root), ...job })
    assert.equal(code, 0, errors)
    const store = await open({ root, driver: scenario.driver })
    await store.cleanup()
    await store.close()
    return [storeSnapshot(root), steps]
  }
  const [before] = await stateAfter({ work: [], hookOpen: false })
  const [after, steps] = await stateAfter({})
  return { states: { before, after, between: scenario.between?.(before, after) ?? [] }, steps }
}

/**
 * What has to hold after a death, whatever was being done: every layer is whole or absent, nothing is left over, mounted
 * or locked, and the next process goes on.
 */
export async function check(
  root: string,
  scenario: Scenario,
  states: States,
  where: string,
  look = storeSnapshot,
): Promise<State> {
  const store = await open({ root, driver: scenario.driver })
  assert.deepEqual(
    readdirSync(dirname(root)).filter((name) => name !== 'lost+found'),
    ['root'],
    `${where}: left beside the root`,
  )
  for (const { id, held, inUse, mounted, fault } of await store.list()) {
    assert.equal(held, false, where)
    assert.equal(inUse, mounted, `${where}: ${id} is held by nobody`)
    assert.equal(fault, undefined, where)
  }
  const { busy } = await store.cleanup()
  assert.deepEqual(busy, [], where)
  assert.deepEqual(await mountsBelow(root), [], where)
  await assertUnlocked(root)
  const state = stateOf(look(root), states, where)
  try {
    await scenario.again(store, state === 'after')
  } catch (error) {
    throw new Error(`${where}: the next process cannot go on`, { cause: error })
  }
  await store.close()
  return state
}

function stateOf(found: string[], { before, after, between }: States, where: string): State {
  const text = found.join('\n')
  // After comes first: where nothing on disk tells the two apart, the verb is done.
  if (text === after.join('\n')) return 'after'
  if (text === before.join('\n')) return 'before'
  if (between.some((lines) => lines.join('\n') === text)) return 'between'
  assert.deepEqual(found, after, `${where}: neither as before nor as after`)
  return 'after'
}
