import { dropMemory, each, makeMemory } from '../memory.mjs'
import { dropOverlay, makeOverlay } from '../overlays.mjs'
import { openFilled } from '../stores.mjs'

const TURNS = 20

export default {
  name: 'chain',
  title: 'get and put of a layer, by the length of its chain',
  axis: 'layers below',
  points: [1, 2, 5, 10, 20, 50, 100, 200, 350, 500],
  prepare: async (bench, layers) => {
    const directory = makeMemory(bench, `chain-${layers}`)
    // Before the store: the overlay lies in a directory of its own.
    const overlay = makeOverlay(bench, `chain-${layers}-pair`, layers)
    const graph = await openFilled(`${directory}/store`, layers, layers)
    await graph.create('top', { parent: `chain-0-${layers - 1}` })
    return { bench, directory, overlay, graph }
  },
  series: [
    {
      label: 'get and put',
      expect: 'line',
      run: ({ graph }) =>
        each(TURNS, async () => {
          await graph.get('top')
          await graph.put('top')
        }),
    },
    {
      label: 'mount and umount2 of as many layers in C',
      run: async ({ bench, overlay: { directory, data } }) =>
        (await bench.clocked(bench.program('pair'), directory, data, String(TURNS))) / TURNS,
    },
  ],
  end: async ({ directory, overlay, graph }) => {
    await graph.close()
    dropOverlay(overlay)
    dropMemory(directory)
  },
}
