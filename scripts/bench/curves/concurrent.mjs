import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { drained, dropMemory, each, makeMemory } from '../memory.mjs'
import { openFilled } from '../stores.mjs'

const LAYERS = 10
const MOST = 256

const all = (graph, count, work) =>
  each(1, () => Promise.all(Array.from({ length: count }, (_, at) => work(at))))

export default {
  name: 'concurrent',
  title: 'what one of several calls at once costs',
  axis: 'calls at once',
  points: [1, 2, 4, 8, 16, 32, 64, 128, 256],
  prepare: async (bench, calls) => {
    const directory = makeMemory(bench, `concurrent-${calls}`)
    const graph = await openFilled(join(directory, 'store'), LAYERS)
    for (let at = 0; at < MOST; at++) await graph.create(`top-${at}`, { parent: `chain-0-${LAYERS - 1}` })
    const { diff } = await graph.layout('top-0')
    writeFileSync(join(diff, 'file'), 'of a few bytes')
    return { directory, graph, calls }
  },
  series: [
    {
      label: 'get of a layer of its own',
      expect: 'flat',
      run: async ({ graph, calls }) => {
        const took = await all(graph, calls, (at) => graph.get(`top-${at}`))
        await all(graph, calls, (at) => graph.put(`top-${at}`))
        return took / calls
      },
    },
    {
      label: 'put of it',
      expect: 'flat',
      run: async ({ graph, calls }) => {
        await all(graph, calls, (at) => graph.get(`top-${at}`))
        return (await all(graph, calls, (at) => graph.put(`top-${at}`))) / calls
      },
    },
    {
      label: 'create and remove',
      expect: 'flat',
      run: async ({ graph, calls }) =>
        (await all(graph, calls, async (at) => {
          await graph.create(`new-${at}`, { parent: 'chain-0-0' })
          await graph.remove(`new-${at}`)
        })) / calls,
    },
    {
      label: 'diff of one file',
      expect: 'flat',
      run: async ({ graph, calls }) =>
        (await all(graph, calls, async () => {
          await drained(await graph.diff('top-0'))
        })) / calls,
    },
  ],
  end: async ({ directory, graph }) => {
    await graph.close()
    dropMemory(directory)
  },
}
