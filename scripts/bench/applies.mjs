// Rows that turn a tar into a layer, in this process, against GNU tar.
import { mkdirSync, rmSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from 'graphdriver'
import { MNT_DETACH, mountSync, umount2Sync } from 'graphdriver/sys'
import { Unavailable } from './bench.mjs'
import { has, run } from '../run.mjs'

async function prepare(bench, tree, memory) {
  if (!has('tar')) throw new Unavailable('tar is missing')
  const file = bench.at(`apply-${tree}.tar`)
  if (run('tar', ['-cf', file, '-C', await bench.layer(tree), '.']) !== 0) throw new Error('tar -cf failed')
  const area = bench.at(`apply-${tree}${memory ? '-memory' : ''}`)
  mkdirSync(area)
  if (memory) inMemory(area)
  const driver = (await bench.store()).name
  const graph = await open({ root: join(area, 'store'), driver, sync: 'none' })
  return { bench, file, area, graph, memory, runs: 0, made: [] }
}

function inMemory(area) {
  try {
    mountSync('bench', area, 'tmpfs', 0, 'size=20g,nr_inodes=0')
  } catch (error) {
    throw new Unavailable(`no tmpfs can be mounted: ${error.message}`)
  }
}

/** Takes away what the run before made. On a disk that waits until the end: deleting slows down what comes after it. */
async function reset(state, last = false) {
  const { graph, memory, keep } = state
  if (keep && !memory && !last) return
  for (const made of state.made.splice(0)) {
    if (made.layer) await graph.remove(made.layer)
    else rmSync(made.directory, { recursive: true })
  }
}

async function end(state) {
  await reset(state, true)
  await state.graph.close()
  if (state.memory) umount2Sync(state.area, MNT_DETACH)
  rmSync(state.area, { recursive: true })
  rmSync(state.file)
}

/**
 * @param keep leave what runs made until the row ends.
 */
export function applyRow(tree, words, bound, { memory, keep }) {
  return {
    name: `apply-${tree}${memory ? '-memory' : ''}`,
    work: `create({ from }) of ${words}${memory ? ', on tmpfs' : ''}`,
    against: 'tar -xf',
    bound,
    prepare: async (bench) => ({ ...(await prepare(bench, tree, memory)), keep }),
    reset,
    end,
    ours: async (state) => {
      const layer = `run${++state.runs}`
      const tar = await openFile(state.file)
      try {
        await state.graph.create(layer, { from: tar })
      } finally {
        await tar.close()
      }
      state.made.push({ layer })
    },
    peer: (state) => {
      const directory = join(state.area, `peer${++state.runs}`)
      mkdirSync(directory)
      state.made.push({ directory })
      return state.bench.timed('tar', '-xf', state.file, '-C', directory)
    },
  }
}
