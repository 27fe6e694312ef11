import { open } from 'graphdriver'
import { dropMemory, each, makeMemory } from '../memory.mjs'
import { getAndPut, openFilled } from '../stores.mjs'

export default {
  name: 'store',
  title: 'what a verb costs, by the layers in the store',
  axis: 'layers in the store',
  points: [10, 30, 100, 300, 1000, 3000, 10_000],
  prepare: async (bench, layers) => {
    const directory = makeMemory(bench, `store-${layers}`)
    const root = `${directory}/store`
    const graph = await openFilled(root, layers)
    await graph.create('top', { parent: 'chain-0-8' })
    return { directory, root, graph }
  },
  series: [
    getAndPut,
    {
      label: 'create and remove',
      expect: 'flat',
      run: ({ graph }) =>
        each(20, async () => {
          await graph.create('new', { parent: 'top' })
          await graph.remove('new')
        }),
    },
    { label: 'exists', expect: 'flat', run: ({ graph }) => each(100, () => graph.exists('top')) },
    {
      label: 'open and close',
      expect: 'line',
      run: ({ root }) => each(5, async () => (await open({ root, driver: 'overlay', sync: 'none' })).close()),
    },
    { label: 'list', expect: 'line', run: ({ graph }) => each(2, () => graph.list()) },
  ],
  end: async ({ directory, graph }) => {
    await graph.close()
    dropMemory(directory)
  },
}
