import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type GraphDriver, open, type OpenOptions } from 'graphdriver'
import { fromEntries } from 'graphdriver/archive'
import { type DriverCall, type Job, runWorker } from './processes.ts'
import { codeOf } from './support.ts'

export type SyncLevel = NonNullable<OpenOptions['sync']>

/** One verb, and how a store has to look when a process dies in the middle of it. */
export interface Scenario {
  readonly verb: string
  readonly driver: string
  /** How much the process syncs; left out: as usual. */
  readonly sync?: SyncLevel
  /** Only when there is time: its code is another scenario's, too. */
  readonly long?: boolean
  /** Brings a store into the state in which the verb begins. */
  readonly prepare?: (root: string) => Promise<void>
  /** What the process does first, undisturbed. */
  readonly before?: readonly DriverCall[]
  readonly work?: readonly DriverCall[]
  readonly hookOpen?: boolean
  /** The states between before and after that a death may leave, made of these two. */
  readonly between?: (before: string[], after: string[]) => string[][]
  /** The same operation by another process, afterwards; or what it says when it was done already. */
  readonly again: (driver: GraphDriver, done: boolean) => Promise<void>
}

/** A job that does a scenario's work and dies at a step. */
export function jobOf(scenario: Scenario, root: string, killAt = 0): Job {
  const { driver, sync, before, work, hookOpen } = scenario
  return {
    options: { root, driver, ...(sync && { sync }) },
    killAt,
    ...(before === undefined ? {} : { before }),
    ...(work === undefined ? {} : { work }),
    ...(hookOpen === undefined ? {} : { hookOpen }),
  }
}

/** A base with a file, a layer on it, both at rest. */
function twoLayers(driver: string): (root: string) => Promise<void> {
  return async (root) => {
    const store = await open({ root, driver })
    await store.create('base')
    writeFileSync(join(await store.get('base'), 'file'), 'of the base')
    await store.put('base')
    await store.create('top', { parent: 'base' })
    await store.close()
  }
}

/** The same, the layer used once: with vfs that fills it. */
function used(driver: string): (root: string) => Promise<void> {
  return async (root) => {
    await twoLayers(driver)(root)
    const store = await open({ root, driver })
    await useTop(store)
    await store.close()
  }
}

/** The same, with mounts and views of a process that died. */
function deadMounts(driver: string): (root: string) => Promise<void> {
  return async (root) => {
    await twoLayers(driver)(root)
    const work: DriverCall[] = [
      ['get', 'top'],
      ['get', 'top', { readOnly: true }],
    ]
    const { code, errors } = await runWorker({ options: { root, driver }, work })
    assert.equal(code, 0, errors)
  }
}

/** What processes that died in the middle of everything leave. */
function leftOvers(driver: string): (root: string) => Promise<void> {
  return async (root) => {
    await twoLayers(driver)(root)
    const at = (...names: string[]): string => join(root, ...names)
    writeFileSync(at('layers/.new-made'), 'base\n')
    writeFileSync(at('children/base/made'), '')
    writeFileSync(at('layers/.gone-old'), 'base\n')
    for (const name of [
      'diff/made',
      'diff/old-removing',
      'diff/stray-removing',
      'mnt/docker-removing',
      'mnt/old',
    ])
      mkdirSync(at(name))
    for (const name of ['diff/old/a/b', 'staging/old.1/a/b']) mkdirSync(at(name), { recursive: true })
    writeFileSync(at('diff/old/a/file'), 'x')
    writeFileSync(at('staging/old.1/a/file'), 'x')
    writeFileSync(at('staging/file'), 'x')
    symlinkSync('/', at('staging/link'))
  }
}

async function expectCode(expected: string | undefined, work: () => Promise<unknown>): Promise<void> {
  if (expected === undefined) {
    await work()
    return
  }
  await assert.rejects(work, (error) => codeOf(error) === expected)
}

async function useTop(store: GraphDriver): Promise<void> {
  const path = await store.get('top')
  assert.equal(readFileSync(join(path, 'file'), 'utf8'), 'of the base')
  await store.put('top')
}

/** Stands for a tar (worker.mjs). */
const TAR = '<tar>'

/** Verbs that change what is on disk, of layers at rest: what is synced makes steps of its own. */
export const CHANGING = /^(open|create \((base|child|from a tar)\)|applyDiff|remove$|flatten)/

/** Every verb of a driver that changes something: what only reads (diff, changes, diffSize, list) writes nothing, so there is nothing to find. */
export function scenarios(driver: string): Scenario[] {
  const prepare = twoLayers(driver)
  const nothing = async (): Promise<void> => undefined
  const isVfs = driver === 'vfs'
  // The copy is in place and still marked as missing: it is made once more.
  const populated = (_: string[], after: string[]): string[][] =>
    isVfs ? [[...after, 'pending/top 600 0:0 ""'].sort()] : []
  const common: Scenario[] = [
    { verb: 'open (a fresh root)', driver, long: isVfs, hookOpen: true, again: nothing },
    {
      verb: 'open (the sweep)',
      driver,
      long: isVfs,
      prepare: leftOvers(driver),
      hookOpen: true,
      again: nothing,
    },
    {
      verb: 'create (base)',
      driver,
      long: true,
      prepare,
      work: [['create', 'made']],
      again: (store, done) => expectCode(done ? 'ERR_LAYER_EXISTS' : undefined, () => store.create('made')),
    },
    {
      verb: 'create (child)',
      driver,
      prepare,
      work: [['create', 'made', { parent: 'top' }]],
      again: (store, done) =>
        expectCode(done ? 'ERR_LAYER_EXISTS' : undefined, () => store.create('made', { parent: 'top' })),
    },
    { verb: 'get', driver, prepare, work: [['get', 'top']], between: populated, again: useTop },
    {
      verb: 'get (read-only)',
      driver,
      prepare,
      work: [['get', 'top', { readOnly: true }]],
      between: populated,
      again: async (store) => {
        const path = await store.get('top', { readOnly: true })
        assert.throws(() => {
          writeFileSync(join(path, 'new'), '')
        }, /EROFS/)
        await store.put('top')
        await useTop(store)
      },
    },
    {
      verb: 'put (read-only)',
      driver,
      long: isVfs,
      prepare: isVfs ? used(driver) : prepare,
      before: [['get', 'top', { readOnly: true }]],
      work: [['put', 'top']],
      again: useTop,
    },
    {
      verb: 'cleanup (of a view)',
      driver,
      long: true,
      prepare: deadMounts(driver),
      work: [['cleanup', { orphans: true }]],
      between: populated,
      again: useTop,
    },
    {
      verb: 'remove',
      driver,
      prepare: used(driver),
      work: [['remove', 'top']],
      again: (store, done) => expectCode(done ? 'ERR_LAYER_NOT_FOUND' : undefined, () => store.remove('top')),
    },
    {
      verb: 'create (from a tar)',
      driver,
      prepare,
      work: [['create', 'made', { parent: 'top', from: TAR }]],
      again: (store, done) =>
        expectCode(done ? 'ERR_LAYER_EXISTS' : undefined, () =>
          store.create('made', { parent: 'top', from: fromEntries([]) }),
        ),
    },
    {
      verb: 'flatten',
      driver,
      prepare: used(driver),
      work: [['flatten', 'top', 'made']],
      again: async (store, done) => {
        await expectCode(done ? 'ERR_LAYER_EXISTS' : undefined, () => store.flatten('top', 'made'))
        await store.put(basename(await store.get('made')))
      },
    },
    {
      verb: 'applyDiff',
      driver,
      prepare,
      work: [['applyDiff', 'top', TAR]],
      // In place, and still marked as waiting for the copy of its parent, which nobody makes then. Or not yet in place, and the work
      // directory gone, which the next mount makes.
      between: (before, after) => [
        ...populated(before, after),
        before.filter((line) => !line.startsWith('work/top/')),
      ],
      again: async (store) => {
        const filled = (await store.changes('top')).length > 0
        await expectCode(filled ? 'ERR_LAYER_NOT_EMPTY' : undefined, () =>
          store.applyDiff('top', fromEntries([])),
        )
      },
    },
    {
      verb: 'close',
      driver,
      long: isVfs,
      prepare: isVfs ? used(driver) : prepare,
      before: [
        ['get', 'base'],
        ['get', 'top'],
        ['get', 'top', { readOnly: true }],
      ],
      work: [['close']],
      again: useTop,
    },
  ]
  return isVfs ? common : [...common, ...mounted(driver)]
}

/** What takes a mount down, and what meets the mounts of a process that died. */
function mounted(driver: string): Scenario[] {
  const prepare = deadMounts(driver)
  const held = { driver, prepare: twoLayers(driver), before: [['get', 'top']] as DriverCall[] }
  return [
    { ...held, verb: 'put', work: [['put', 'top']], again: useTop },
    {
      ...held,
      verb: 'put (detach)',
      work: [['put', 'top', { detach: true }]],
      // Made again at the next get.
      between: (before) => [before.filter((line) => !line.startsWith('mnt/top/'))],
      again: useTop,
    },
    { verb: 'cleanup', driver, prepare, work: [['cleanup']], again: useTop },
    {
      verb: 'remove (mounted)',
      driver,
      prepare,
      work: [['remove', 'top']],
      again: (store, done) => expectCode(done ? 'ERR_LAYER_NOT_FOUND' : undefined, () => store.remove('top')),
    },
    {
      verb: 'create (child of a mounted layer)',
      driver,
      long: true,
      prepare,
      work: [['create', 'made', { parent: 'top' }]],
      again: (store, done) =>
        expectCode(done ? 'ERR_LAYER_EXISTS' : undefined, () => store.create('made', { parent: 'top' })),
    },
    {
      verb: 'put (held by nobody)',
      driver,
      prepare,
      work: [['put', 'top']],
      again: useTop,
    },
  ]
}
