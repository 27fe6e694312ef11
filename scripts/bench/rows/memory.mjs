// How much memory a process has while 2 GB stream through it: at most, and whether it grows with what has been read.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { capture } from '../../run.mjs'

async function prepare(bench) {
  const directory = await bench.layer('large')
  const sizes = readdirSync(directory).map((name) => statSync(join(directory, name)).size)
  const { root, name } = await bench.store()
  return { root, driver: name, total: sizes.reduce((a, b) => a + b, 0) }
}

function stream({ root, driver, total }) {
  const child = join(import.meta.dirname, '..', 'memory-child.mjs')
  const output = capture(process.execPath, [child, root, driver, 'large', String(total)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (output === undefined) throw new Error('the process that reads the stream failed')
  const found = JSON.parse(output)
  if (found.bytes < total) throw new Error(`the stream had ${found.bytes} bytes of ${total}`)
  return found
}

const MiB = 1024

export default [
  {
    name: 'memory',
    work: 'diff of 2 GB read by a new process: most memory (VmHWM)',
    limit: 150,
    unit: 'MiB',
    prepare,
    measure: (state) => stream(state).most / MiB,
  },
  {
    name: 'memory-growth',
    work: 'the same: second half of the stream against the first',
    limit: 8,
    unit: 'MiB',
    prepare,
    measure: (state) => {
      const { first, second } = stream(state)
      return Math.max(0, second - first) / MiB
    },
  },
]
