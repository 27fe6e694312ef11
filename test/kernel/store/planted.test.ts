import assert from 'node:assert/strict'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type GraphDriver, open } from 'graphdriver'
import { fromEntries } from 'graphdriver/archive'
import { unmountTree } from 'graphdriver/mount'
import { mount } from 'graphdriver/sys'
import { LONG } from '../../figures.ts'
import { describeOn } from '../working-drivers.ts'
import { codeOf, mountsBelow, scratchDirectory } from './support.ts'

const SECRET = 'nobody outside may see or change this'
const HEX = 'ab'.repeat(16)

/** Where a link is planted, and what it leads to. */
const DIRECTORIES = ['layers', 'diff', 'mnt', 'children', 'staging', 'views', 'children.new']
const ENTRIES = [
  'diff/base',
  'diff/top',
  'diff/leaf',
  'diff/leaf-removing',
  'diff/new',
  'mnt/top',
  'mnt/leaf',
  'mnt/new',
  'mnt/leaf-removing',
  'children/base',
  'children/leaf',
  `staging/leaf.${HEX}`,
  `views/leaf.${HEX}`,
  'layers/top',
  'layers/leaf',
  'layers/.new-leaf',
  'layers/.gone-leaf',
  'layers/.new-new',
]
const FILES = [
  'lock',
  'graphdriver.json',
  'graphdriver.json.new',
  'swept',
  'swept.new',
  'layers/base',
  'layers/leaf',
  'layers/.new-new',
  'layers/.gone-leaf',
  'children/base/top',
  'children/top/leaf',
]
const OVERLAY = ['work', 'work/top', 'work/leaf', 'work/leaf-removing', 'work/new']

describe('links planted in a root lead nobody out of it', () => {
  const scratch = scratchDirectory()
  // In memory: each case makes a store of its own.
  before(() => mount('tmpfs', scratch.path, 'tmpfs'))

  /** All that can be told of a tree, times of changes included, without changing it. */
  function portrait(path: string): string[] {
    const stats = lstatSync(path, { bigint: true })
    const { ino, mode, uid, gid, nlink, size, mtimeNs, ctimeNs } = stats
    const line = [path, ino, mode, uid, gid, nlink, size, mtimeNs, ctimeNs].join(' ')
    if (!stats.isDirectory()) return [line, readFileSync(path, 'utf8')]
    return [line, ...readdirSync(path).flatMap((name) => portrait(join(path, name)))]
  }

  /** Three layers, base – top – leaf, and what is outside. */
  async function prepare(driver: string): Promise<{ root: string; victim: string; file: string }> {
    const directory = scratch.fresh('planted')
    const [root, victim] = [join(directory, 'root'), join(directory, 'victim')]
    mkdirSync(join(victim, 'sub'), { recursive: true })
    // The victim is as much like a part of a store as can be, so that it is taken for one.
    for (const name of ['base', 'top', 'leaf', 'sub/secret', `leaf.${HEX}`]) {
      writeFileSync(join(victim, name), name === 'top' ? 'base\n' : SECRET)
    }
    writeFileSync(
      join(directory, 'file'),
      JSON.stringify({ format: 1, driver, xattrs: null, state: 'ready' }),
    )
    const store = await open({ root, driver, sync: 'none' })
    await store.create('base')
    await store.create('top', { parent: 'base' })
    await store.create('leaf', { parent: 'top', from: tar() })
    await store.close()
    return { root, victim, file: join(directory, 'file') }
  }

  function tar(): AsyncIterable<Uint8Array> {
    return fromEntries([
      { name: 'sub/', type: 'directory' },
      { name: 'sub/secret', type: 'file', body: Buffer.from('of the layer') },
      { name: '.wh.base', type: 'file', size: 0 },
    ])
  }

  /** Every verb, whatever the others said. Nothing of what they show may be the victim's. */
  async function everyVerb(store: GraphDriver): Promise<string[]> {
    const failures: string[] = []
    const attempt = async (name: string, work: () => Promise<unknown>): Promise<void> => {
      try {
        await work()
      } catch (error) {
        const code = codeOf(error)
        assert.match(code, /^(ERR_(LAYER|STORE)_\w+|E[A-Z]+)$/, `${name}: ${String(error)}`)
        failures.push(`${name} ${code}`)
      }
    }
    const drain = async (id: string): Promise<void> => {
      const chunks: Buffer[] = []
      for await (const chunk of await store.diff(id)) chunks.push(chunk as Buffer)
      assert.ok(!Buffer.concat(chunks).includes(SECRET), `the tar of ${id} holds what lies outside`)
    }
    const visit = async (id: string, readOnly: boolean): Promise<void> => {
      const path = await store.get(id, { readOnly })
      const secret = join(path, 'sub/secret')
      if (existsSync(secret))
        assert.ok(!readFileSync(secret, 'utf8').includes(SECRET), `${id} shows what lies outside`)
      if (!readOnly) writeFileSync(join(path, 'written'), 'x')
      await store.put(id)
    }
    for (const id of ['base', 'top', 'leaf']) {
      await attempt(`exists ${id}`, () => store.exists(id))
      await attempt(`changes ${id}`, () => store.changes(id))
      await attempt(`size ${id}`, () => store.diffSize(id))
      await attempt(`diff ${id}`, () => drain(id))
      await attempt(`view ${id}`, () => visit(id, true))
    }
    await attempt('list', () => store.list())
    await attempt('status', () => store.status())
    await attempt('create', () => store.create('new', { parent: 'base' }))
    await attempt('get new', () => visit('new', false))
    await attempt('remove new', () => store.remove('new'))
    await attempt('get leaf', () => visit('leaf', false))
    await attempt('apply', () => store.applyDiff('leaf', tar()))
    await attempt('remove leaf', () => store.remove('leaf'))
    await attempt('create leaf', () => store.create('leaf', { parent: 'top', from: tar() }))
    await attempt('cleanup', () => store.cleanup({ orphans: true }))
    await attempt('remove leaf again', () => store.remove('leaf'))
    await attempt('remove top', () => store.remove('top'))
    await attempt('remove base', () => store.remove('base'))
    return failures
  }

  /** Opens, tries everything, closes, and once more: what the first left is for the second to sweep. */
  async function tryEverything(root: string, driver: string): Promise<string[]> {
    const failures: string[] = []
    for (const options of [{ readOnly: true }, {}, {}]) {
      let store: GraphDriver
      try {
        store = await open({ root, driver, sync: 'none', ...options })
      } catch (error) {
        assert.match(codeOf(error), /^(ERR_STORE_\w+|ENOTDIR|ELOOP)$/, String(error))
        failures.push(`open ${codeOf(error)}`)
        continue
      }
      try {
        failures.push(...(await everyVerb(store)))
      } finally {
        await store.close()
      }
    }
    return failures
  }

  function plant(path: string, to: string): void {
    rmSync(path, { recursive: true, force: true })
    mkdirSync(join(path, '..'), { recursive: true })
    symlinkSync(to, path)
  }

  for (const driver of ['overlay', 'vfs']) {
    describeOn(driver, driver, () => {
      const own = driver === 'overlay' ? OVERLAY : ['pending', 'pending/leaf']
      for (const [kind, places] of [
        ['directory', [...own, ...DIRECTORIES, ...ENTRIES]],
        ['file', FILES],
      ] as const) {
        for (const place of places) {
          // Most of the code is the same for every driver.
          if (!LONG && driver === 'vfs' && !/^(pending|diff)/.test(place)) continue
          it(`${place} -> a ${kind}`, async () => {
            const { root, victim, file } = await prepare(driver)
            const before = [...portrait(victim), ...portrait(file)]
            plant(join(root, place), kind === 'file' ? file : victim)
            const failures = await tryEverything(root, driver)
            assert.deepEqual([...portrait(victim), ...portrait(file)], before, failures.join('\n'))
            assert.deepEqual(await mountsBelow(victim), [])
            await unmountTree(root, { detach: true })
          })
        }
      }
    })
  }
})
