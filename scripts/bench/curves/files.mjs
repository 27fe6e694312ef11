import { mkdirSync, writeFileSync } from 'node:fs'
import { open as openFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from 'graphdriver'
import { drained, dropMemory, each, makeMemory } from '../memory.mjs'

/** So many in one directory. */
const WIDTH = 1000

function plant(directory, files) {
  for (let at = 0; at < files; at++) {
    const below = join(directory, `directory-${Math.floor(at / WIDTH)}`)
    if (at % WIDTH === 0) mkdirSync(below)
    writeFileSync(join(below, `file-${at}`), 'of a few bytes')
  }
}

/** More turns for what is quick. */
const turnsOf = (files) => Math.max(1, Math.min(20, Math.floor(1000 / files)))

export default {
  name: 'files',
  title: 'what a verb costs, by the files in the layer',
  axis: 'files of 14 bytes',
  points: [1, 10, 100, 1000, 10_000, 100_000, 1_000_000],
  prepare: async (bench, files) => {
    const directory = makeMemory(bench, `files-${files}`)
    const graph = await open({ root: join(directory, 'store'), sync: 'none' })
    await graph.create('base')
    await graph.create('layer', { parent: 'base' })
    plant((await graph.layout('layer')).diff, files)
    const tar = join(directory, 'layer.tar')
    const handle = await openFile(tar, 'w')
    await graph.diffTo('layer', handle)
    await handle.close()
    return { directory, graph, tar, turns: turnsOf(files) }
  },
  series: [
    {
      label: 'diff',
      expect: 'line',
      run: ({ graph, turns }) =>
        each(turns, async () => {
          await drained(await graph.diff('layer'))
        }),
    },
    {
      label: 'applyDiff',
      expect: 'line',
      run: async ({ graph, tar, turns }) => {
        let took = 0
        for (let at = 0; at < turns; at++) {
          await graph.create('new')
          const handle = await openFile(tar)
          took += await each(1, () => graph.applyDiff('new', handle))
          await handle.close()
          await graph.remove('new')
        }
        return took / turns
      },
    },
    {
      label: 'changes',
      expect: 'line',
      run: ({ graph, turns }) => each(turns, () => graph.changes('layer')),
    },
    {
      label: 'diffSize',
      expect: 'line',
      run: ({ graph, turns }) => each(turns, () => graph.diffSize('layer')),
    },
  ],
  end: async ({ directory, graph, tar }) => {
    await graph.close()
    await rm(tar)
    dropMemory(directory)
  },
}
