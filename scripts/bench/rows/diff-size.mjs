import { has } from '../../run.mjs'
import { Unavailable } from '../bench.mjs'

export default {
  name: 'diff-size',
  work: 'diffSize of 50,000 files',
  against: 'du -s',
  bound: 1,
  prepare: async (bench) => {
    if (!has('du')) throw new Unavailable('du is missing')
    const directory = await bench.layer('many')
    return { bench, graph: await bench.store(), directory }
  },
  ours: async ({ graph }) => {
    if ((await graph.diffSize('many')) === 0) throw new Error('the layer seems to be empty')
  },
  peer: ({ bench, directory }) => bench.timed('du', '-s', directory),
}
