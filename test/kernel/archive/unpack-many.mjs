// Unpacks a tar of empty files, and writes how much memory that took: `unpack-many.mjs DIRECTORY FORM FILES`.
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { unpack } from '#lib/archive/unpack.js'

const [directory, form, files] = process.argv.slice(2)
const BLOCK = 512
/** Names in a directory, and headers in a piece. */
const EACH = 1000

const header = Buffer.alloc(BLOCK)
header.write('0000644\x000000000\x000000000\x0000000000000\x0000000000001\x00        0', 100, 'latin1')
header.write('ustar\x0000', 257, 'latin1')
const place = 8
const rest = header.reduce((sum, byte) => sum + byte, 0)

function put(name, block) {
  header.copy(block)
  block.write(name, 'latin1')
  let sum = rest
  for (let at = 0; at < name.length; at++) sum += name.charCodeAt(at)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
}

async function* tar() {
  for (let made = 0; made < Number(files); made += EACH) {
    const piece = Buffer.alloc(EACH * BLOCK)
    const top = `d${String(made / EACH).padStart(place, '0')}`
    for (let at = 0; at < EACH; at++) put(`${top}/file-${at}`, piece.subarray(at * BLOCK, (at + 1) * BLOCK))
    yield piece
  }
  yield Buffer.alloc(2 * BLOCK)
}

const layer = join(directory, 'layer')
mkdirSync(layer)
const { entries } = await unpack(layer, tar(), { form })
if (entries !== Number(files)) throw new Error(`${entries} entries`)
const peak = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]
process.stdout.write(String(Number(peak) * 1024))
