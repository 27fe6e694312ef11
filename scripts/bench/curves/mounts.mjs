import { join } from 'node:path'
import { mkdirSync } from 'node:fs'
import { isMountPoint } from 'graphdriver/mount'
import { mountinfoSync, MS_BIND, mountSync } from 'graphdriver/sys'
import { dropMemory, each, makeMemory } from '../memory.mjs'
import { dropOverlay, makeOverlay } from '../overlays.mjs'
import { getAndPut, openFilled } from '../stores.mjs'

const LAYERS = 10

export default {
  name: 'mounts',
  title: 'what a call costs, by the mounts on the machine',
  axis: 'mounts',
  points: [10, 30, 100, 300, 1000, 3000, 10_000],
  prepare: async (bench, mounts) => {
    const directory = makeMemory(bench, `mounts-${mounts}`)
    const source = join(directory, 'source')
    mkdirSync(source)
    for (let at = 1; at <= mounts; at++) {
      const target = join(directory, `mount-${at}`)
      mkdirSync(target)
      mountSync(source, target, null, MS_BIND)
    }
    const overlay = makeOverlay(bench, `mounts-${mounts}-pair`, LAYERS)
    const graph = await openFilled(join(directory, 'store'), LAYERS)
    await graph.create('top', { parent: `chain-0-${LAYERS - 1}` })
    return { bench, directory, last: join(directory, `mount-${mounts}`), overlay, graph }
  },
  series: [
    getAndPut,
    {
      label: 'mount and umount2 of 10 layers in C',
      run: async ({ bench, overlay: { directory, data } }) =>
        (await bench.clocked(bench.program('pair'), directory, data, '50')) / 50,
    },
    { label: 'isMountPoint', expect: 'flat', run: ({ last }) => each(200, () => isMountPoint(last)) },
    { label: 'mountinfo', expect: 'line', run: () => each(3, () => mountinfoSync().length) },
  ],
  end: async ({ directory, overlay, graph }) => {
    await graph.close()
    dropOverlay(overlay)
    dropMemory(directory)
  },
}
