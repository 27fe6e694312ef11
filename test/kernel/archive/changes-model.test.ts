import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { changes, diffSize } from '#lib/archive/changes.js'
import type { LayerForm } from '#lib/sys/layer-form.js'
import { LONG } from '../../figures.ts'
import { describeUnless, notRoot } from '../../skip.ts'
import { seeded } from '../store/support.ts'
import { type Layer, put, shown, writeLayer } from './changes/layers.ts'
import { edited, LayerMaker, type Random, type Tree } from './changes/model.ts'
import { Truth } from './changes/truth.ts'

const unions = ['aufs', 'overlay', 'overlay-user'] as const
const rounds = LONG ? 500 : 25
const levels = 5
const empty: Tree = new Map()

/** The same history, in every form: directories by form, the oldest layer first. */
interface History {
  readonly trees: Tree[]
  readonly layers: Layer[]
  readonly directories: Record<LayerForm, string[]>
}

function makeHistory(root: string, random: Random, touches: boolean): History {
  const history: History = {
    trees: [],
    layers: [],
    directories: { plain: [], aufs: [], overlay: [], 'overlay-user': [] },
  }
  for (let level = 0; level < levels; level++) {
    const before = history.trees.at(-1) ?? empty
    const now = edited(before, random, level === 0 ? 40 : 12)
    const { layer } = new LayerMaker(before, now, random, { touches })
    history.trees.push(now)
    history.layers.push(layer)
    for (const form of ['plain', ...unions] as const) {
      const directory = join(root, `${form}-${level}`)
      mkdirSync(directory)
      history.directories[form].push(directory)
      if (form !== 'plain') writeLayer(directory, layer, form, random() < 0.5 ? 'devices' : 'files')
    }
    for (const [path, node] of now) put(join(root, `plain-${level}`), path, node)
  }
  return history
}

/** The stack that ends at a level, top first; a plain copy is a stack of its own. */
function stack({ directories }: History, form: LayerForm, level: number): string[] {
  if (form === 'plain') return directories.plain.slice(level, level + 1)
  return directories[form].slice(0, level + 1).reverse()
}

async function differences(
  history: History,
  form: LayerForm,
  now: number,
  before: number,
): Promise<string[]> {
  const [layers, parents] = [stack(history, form, now), stack(history, form, before)]
  return (await changes({ layers, parents, form, judge: 'exact' })).map(shown)
}

async function touches(history: History, form: LayerForm, level: number): Promise<string[]> {
  const layers = stack(history, form, level)
  return (await changes({ layers, parents: layers.slice(1), form, judge: 'touched' })).map(shown)
}

function filesOf(layer: Layer): Set<string> {
  return new Set([...layer.entries].filter(([, node]) => node.type !== 'directory').map(([path]) => path))
}

function sizeOf(tree: Tree, paths: Iterable<string>): number {
  let size = 0
  for (const path of paths) {
    const node = tree.get(path)
    if (node?.type === 'file' || node?.type === 'link') size += node.content.length
  }
  return size
}

describeUnless(
  notRoot && `${notRoot}: devices, trusted attributes`,
  `changes: random histories of ${levels} layers, in the form of each union and as copies`,
  () => {
    let root = ''
    beforeEach(() => {
      root = mkdtempSync(join(tmpdir(), 'changes-'))
    })
    afterEach(() => {
      rmSync(root, { recursive: true, force: true })
    })

    it(`${rounds} histories: what a layer did is the same from every form, and true`, async () => {
      for (let seed = 1; seed <= rounds; seed++) {
        const home = join(root, String(seed))
        mkdirSync(home)
        const history = makeHistory(home, seeded(seed), false)
        for (let level = 0; level < levels; level++) {
          const before = history.trees[level - 1] ?? empty
          const { changes: wanted } = new Truth(before, history.trees[level]!)
          for (const form of unions) {
            assert.deepEqual(
              await touches(history, form, level),
              wanted,
              `${form}, seed ${seed}, level ${level}`,
            )
          }
          if (level > 0)
            assert.deepEqual(await differences(history, 'plain', level, level - 1), wanted, `seed ${seed}`)
        }
        rmSync(home, { recursive: true })
      }
    })

    it(`${rounds} histories: any two levels, forwards and backwards`, async () => {
      for (let seed = 1; seed <= rounds; seed++) {
        const home = join(root, String(seed))
        mkdirSync(home)
        const random = seeded(1000 + seed)
        const history = makeHistory(home, random, true)
        for (let turn = 0; turn < 8; turn++) {
          const [now, before] = [Math.floor(random() * levels), Math.floor(random() * levels)]
          const { changes: wanted } = new Truth(history.trees[before]!, history.trees[now]!)
          for (const form of ['plain', ...unions] as const) {
            const found = await differences(history, form, now, before)
            assert.deepEqual(found, wanted, `${form}, seed ${seed}, ${now} against ${before}`)
          }
        }
        rmSync(home, { recursive: true })
      }
    })

    it(`${rounds} histories: what a union copied up is touched, changed or not; and its size`, async () => {
      for (let seed = 1; seed <= rounds; seed++) {
        const home = join(root, String(seed))
        mkdirSync(home)
        const history = makeHistory(home, seeded(2000 + seed), true)
        for (let level = 1; level < levels; level++) {
          const tree = history.trees[level]!
          const files = filesOf(history.layers[level]!)
          const { changes: wanted } = new Truth(history.trees[level - 1]!, tree, files)
          for (const form of unions) {
            const where = `${form}, seed ${seed}, level ${level}`
            assert.deepEqual(await touches(history, form, level), wanted, where)
            const layers = stack(history, form, level)
            const size = await diffSize({ layers, parents: layers.slice(1), form, judge: 'touched' })
            assert.equal(size, sizeOf(tree, files), where)
          }
          const exact = new Truth(history.trees[level - 1]!, tree).changes
          const paths = exact
            .filter((line) => !line.startsWith('deleted'))
            .map((line) => line.slice(line.indexOf('/') + 1))
          const [layers, parents] = [stack(history, 'plain', level), stack(history, 'plain', level - 1)]
          assert.equal(
            await diffSize({ layers, parents, judge: 'exact' }),
            sizeOf(tree, paths),
            `seed ${seed}`,
          )
        }
        rmSync(home, { recursive: true })
      }
    })
  },
)
