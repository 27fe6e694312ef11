import assert from 'node:assert/strict'
import { mkdirSync, rmSync } from 'node:fs'
import { open } from 'graphdriver'
import { LONG } from '../../figures.ts'
import { describeAsRoot } from '../namespace.ts'
import {
  describeDisk,
  type DiskKind,
  diskKinds,
  makeDisk,
  mountAfterLoss,
  mountDisk,
  persist,
  placeForDisks,
  unmountDisk,
} from './disk.ts'
import { run, workerArguments } from './processes.ts'
import { mountsBelow, scratchDirectory, storeSnapshot } from './support.ts'
import { check, type State, type States } from './survival.ts'
import { CHANGING, jobOf, type Scenario, scenarios, type SyncLevel } from './verbs.ts'

/**
 * The power fails at every step of a verb: at each one the disk is copied as it is, without what the kernel still holds back, and
 * each copy is mounted as it would be after the next start.
 */
describeAsRoot('a loss of power at every step', function () {
  this.timeout(LONG ? 1_800_000 : 240_000)
  const at = placeForDisks(scratchDirectory().path)
  let points = 0

  after(() => {
    console.log(`      ${String(points)} moments${LONG ? '' : ' (more with GRAPHDRIVER_LONG=1)'}`)
  })

  /** Runs a verb on a disk; answers the copies that were made of it, in their order, and what each step is called. */
  async function record(kind: DiskKind, scenario: Scenario, sync: SyncLevel): Promise<string[]> {
    const root = at('disk', 'root')
    makeDisk(kind, at('image'))
    mountDisk(kind, at('image'), at('disk'))
    try {
      await scenario.prepare?.(root)
      persist(at('disk'))
      const copies = at('copies')
      mkdirSync(copies)
      const job = jobOf({ ...scenario, sync }, root)
      const snapshots = JSON.stringify({ image: at('image'), directory: copies })
      const outcome = await run(process.execPath, workerArguments(job), {
        GRAPHDRIVER_TEST_SNAPSHOTS: snapshots,
      })
      assert.equal(outcome.code, 0, outcome.errors)
      return outcome.steps
    } finally {
      unmountDisk(at('disk'))
    }
  }

  /** What the verb leads from and to, by the first copy, and by the disk after an orderly end. */
  async function statesOf(kind: DiskKind, scenario: Scenario, look: Look): Promise<States> {
    const stateOn = async (image: string): Promise<string[]> => {
      mountDisk(kind, image, at('disk'))
      const root = at('disk', 'root')
      const store = await open({ root, driver: scenario.driver })
      await store.cleanup()
      await store.close()
      const lines = look(root)
      unmountDisk(at('disk'))
      return lines
    }
    const before = await stateOn(at('copies', 'before'))
    const after = await stateOn(at('image'))
    return { before, after, between: (scenario.between?.(before, after) ?? []).map((lines) => lines.sort()) }
  }

  async function failAtEveryStep(kind: DiskKind, scenario: Scenario, sync: SyncLevel): Promise<void> {
    const steps = await record(kind, scenario, sync)
    const look = sync === 'full' ? withoutMountPoints : withoutContents
    const states = await statesOf(kind, scenario, look)
    const seen: State[] = []
    for (const [index, step] of [...steps, 'the end'].entries()) {
      const copy = at('copies', String(index + 1))
      mountAfterLoss(kind, copy, at('disk'), at('disk', 'root'))
      const where = `${kind.name}, sync ${sync}, at step ${String(index + 1)}, "${step}"`
      if (sync === 'none') await checkUsable(at('disk', 'root'), scenario, where)
      else seen.push(await check(at('disk', 'root'), scenario, states, where, look))
      assert.deepEqual(await mountsBelow(at('disk', 'root')), [])
      unmountDisk(at('disk'))
      points++
    }
    rmSync(at('copies'), { recursive: true })
    if (sync !== 'none') assert.equal(seen.at(-1), 'after', 'what was answered did not last')
  }

  for (const kind of diskKinds) {
    describeDisk(kind, at, () => {
      for (const driver of LONG ? ['overlay', 'vfs'] : ['overlay']) {
        for (const sync of ['full', 'metadata', 'none'] as const) {
          for (const scenario of scenarios(driver).filter(({ verb }) => CHANGING.test(verb))) {
            const often = /^(create \((child|from)|applyDiff|remove)/.test(scenario.verb) && sync !== 'none'
            if (!LONG && (!often || (sync === 'full') !== (kind.name === 'ext4'))) continue
            it(`${driver}, ${scenario.verb}, sync: ${sync}`, () => failAtEveryStep(kind, scenario, sync))
          }
        }
      }
    })
  }
})

type Look = (root: string) => string[]

/** A store as lines; mount points are made again when they are needed. */
function withoutMountPoints(root: string): string[] {
  return storeSnapshot(root).filter((line) => !line.startsWith('mnt/'))
}

/** A store as lines, without what files of layers hold: with `sync: 'metadata'` that may be incomplete. */
function withoutContents(root: string): string[] {
  return withoutMountPoints(root).map((line) =>
    line.startsWith('diff/') ? line.replace(/ "(.*)"$/, '') : line,
  )
}

/** Nothing is promised of `sync: 'none'` but that the store opens, says what is broken, and lets it be removed. */
async function checkUsable(root: string, { driver }: Scenario, where: string): Promise<void> {
  const store = await open({ root, driver })
  const fresh = `fresh-${String(Date.now())}`
  try {
    const left = await store.list()
    for (let rest = left.length; rest > 0; rest--) {
      const leaf = (await store.list()).find(({ children }) => children.length === 0)
      if (leaf === undefined) break
      if (leaf.fault === 'orphan') await store.cleanup({ orphans: true })
      else await store.remove(leaf.id)
    }
    assert.deepEqual(await store.list(), [], where)
    await store.create(fresh)
    await store.remove(fresh)
  } finally {
    await store.close()
  }
}
