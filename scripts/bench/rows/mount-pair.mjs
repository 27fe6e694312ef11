// One overlay mounted and unmounted again: by system calls on the calling thread, and by promises; against C, and against
// what others do, which is to start mount(8) and umount(8).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mount, mountSync, umount2, umount2Sync } from 'graphdriver/sys'
import { has } from '../../run.mjs'
import { Unavailable } from '../bench.mjs'
import { dropOverlay, inside, makeOverlay } from '../overlays.mjs'

async function times(count, work) {
  const began = process.hrtime.bigint()
  for (let at = 0; at < count; at++) await work()
  return Number(process.hrtime.bigint() - began)
}

/** Not by `times`: an await after each call would be a part of what is measured. */
const sync = (state) =>
  inside(state, () => {
    const { data, count } = state
    const began = process.hrtime.bigint()
    for (let at = 0; at < count; at++) {
      mountSync('overlay', 'mnt', 'overlay', 0, data)
      umount2Sync('mnt', 0)
    }
    return Number(process.hrtime.bigint() - began)
  })

const promised = (state) =>
  inside(state, () =>
    times(state.count, async () => {
      await mount('overlay', 'mnt', 'overlay', 0, state.data)
      await umount2('mnt', 0)
    }),
  )

async function started(...command) {
  const [status] = await once(spawn(command[0], command.slice(1), { stdio: 'ignore' }), 'close')
  if (status !== 0) throw new Error(`${command.join(' ')}: exit status ${status}`)
}

const spawned = (state) =>
  inside(state, () =>
    times(state.count, async () => {
      await started('mount', '-t', 'overlay', 'overlay', '-o', state.data, 'mnt')
      await started('umount', 'mnt')
    }),
  )

const inC = ({ bench, directory, data, count }) =>
  bench.clocked(bench.program('pair'), directory, data, String(count))

function row(name, how, layers, count, bound, { ours, peer, against }) {
  const spawns = peer === spawned
  return {
    name: `${name}/${layers}`,
    work: `${count} x mount and umount2 of an overlay of ${layers} lower layers, ${how}`,
    against,
    bound,
    prepare: (bench) => {
      if (spawns && !(has('mount') && has('umount')))
        throw new Unavailable('mount(8) and umount(8) are missing')
      const moby = peer === inGo ? bench.goProgram('mobymount') : undefined
      return { ...makeOverlay(bench, `${name}-${layers}`, layers), count, moby }
    },
    ours,
    peer,
    end: dropOverlay,
  }
}

const inGo = ({ bench, moby, directory, data, count }) => bench.clocked(moby, directory, data, String(count))

const againstC = { ours: sync, peer: inC, against: 'the same calls in C' }
const byPromises = { ...againstC, ours: promised }
const againstSpawning = { ours: sync, peer: spawned, against: 'starting mount and umount' }
const againstGo = { ours: sync, peer: inGo, against: 'moby/sys in Go' }

export default [
  row('mount-pair', 'sync', 1, 600, 1.1, againstC),
  row('mount-pair', 'sync', 16, 300, 1.1, againstC),
  row('mount-pair', 'sync', 100, 100, 1.1, againstC),
  row('mount-pair', 'sync', 450, 30, 1.1, againstC),
  row('mount-go', 'sync', 1, 600, 1, againstGo),
  row('mount-await', 'promises', 1, 600, 2.1, byPromises),
  row('mount-await', 'promises', 450, 30, 1.2, byPromises),
  row('mount-spawn', 'sync', 1, 30, 1 / 50, againstSpawning),
  row('mount-spawn', 'sync', 16, 30, 1 / 30, againstSpawning),
  row('mount-spawn', 'sync', 100, 20, 1 / 9, againstSpawning),
  row('mount-spawn', 'sync', 450, 10, 1 / 3, againstSpawning),
]
