// The developers' builds of the addon: `cmake.mjs debug|asan|tsan|coverage`, into build/<kind>/graphdriver.node.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bin, capture, root, run } from './run.mjs'

const kinds = ['debug', 'asan', 'tsan', 'coverage']
const kind = process.argv[2]
if (!kinds.includes(kind)) {
  console.error(`usage: node scripts/cmake.mjs ${kinds.join('|')}`)
  process.exit(2)
}
const directory = join(root, 'build', kind)
const args = ['build', '--out', directory, `--CDKIND=${kind}`, '--debug', '--log-level=warn']
const status = run(process.execPath, [bin('cmake-js'), ...args])
// The test runner loads the sanitizer's runtime before Node.
if (status === 0 && kind.endsWith('san')) {
  writeFileSync(join(directory, 'preload'), capture('g++', [`-print-file-name=lib${kind}.so`]))
}
if (status === 0)
  console.log(`built ${kind}: run the tests on it with GRAPHDRIVER_NATIVE=${directory}/graphdriver.node`)
process.exit(status)
