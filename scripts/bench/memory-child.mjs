// `memory-child.mjs <root> <driver> <id>`: reads a layer's diff to its end in a process that has done nothing else, and writes
// as JSON how much memory it had at most, in KiB: in the first half of the stream, in the second, and ever.
import { readFileSync } from 'node:fs'
import { open } from 'graphdriver'

const [root, driver, id, total] = process.argv.slice(2)

/** A figure of /proc/self/status, in KiB (proc_pid_status(5)). */
function kibibytes(field) {
  const status = readFileSync('/proc/self/status', 'latin1')
  return Number(new RegExp(`^${field}:\\s*(\\d+) kB$`, 'm').exec(status)[1])
}

const graph = await open({ root, driver, sync: 'none' })
const halves = [0, 0]
let bytes = 0
for await (const chunk of await graph.diff(id)) {
  bytes += chunk.length
  const half = bytes * 2 < Number(total) ? 0 : 1
  halves[half] = Math.max(halves[half], kibibytes('VmRSS'))
}
await graph.close()
console.log(JSON.stringify({ bytes, first: halves[0], second: halves[1], most: kibibytes('VmHWM') }))
