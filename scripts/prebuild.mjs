// The binaries that ship: prebuilds/linux-<processor>/graphdriver.node, stripped, and checked like every build.
// `prebuild.mjs [processor…]` builds for these instead, with the cross compilers of the distribution. The same sources and the same
// compiler give the same bytes, in any directory and at any time. --stale leaves alone what is newer than the sources.
// In a directory of its own, since prebuildify empties build/.
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { processors, shipped, toolchain } from './processors.mjs'
import { bin, nodeHeaders, root, run } from './run.mjs'

const headers = nodeHeaders()

function build(processor) {
  const tools = toolchain(processor)
  if (tools === undefined) {
    console.error(`prebuild: no compiler for ${processor}`)
    return 1
  }
  const nodedir = headers ? { npm_config_nodedir: headers } : {}
  const env = {
    ...process.env,
    MAKEFLAGS: process.env.MAKEFLAGS ?? '-j2 -s',
    ...tools.environment,
    ...nodedir,
  }
  const work = mkdtempSync(join(tmpdir(), 'graphdriver-prebuild-'))
  try {
    for (const name of ['binding.gyp', 'native', 'package.json'])
      cpSync(join(root, name), join(work, name), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(work, 'node_modules'))
    const target = ['--target', process.version.slice(1), '--arch', processor, '--platform', 'linux']
    const strip = ['--strip', '--strip-bin', tools.strip]
    const args = ['--napi', '--quiet', ...strip, ...target, '--cwd', work, '--out', root]
    const status = run(process.execPath, [bin('prebuildify'), ...args], { env, cwd: work })
    if (status !== 0)
      console.error(`prebuild: ${processor} failed; prebuildify is quiet, npm run build is not`)
    return status
  } finally {
    rmSync(work, { recursive: true })
  }
}

function binary(processor) {
  return join(root, `prebuilds/linux-${processor}/graphdriver.node`)
}

/** Is there a binary that is newer than all that it is made of? */
function fresh(processor) {
  const sources = readdirSync(join(root, 'native')).map((name) => join('native', name))
  const times = ['binding.gyp', 'native', ...sources].map((name) => statSync(join(root, name)).mtimeMs)
  return existsSync(binary(processor)) && statSync(binary(processor)).mtimeMs > Math.max(...times)
}

const words = process.argv.slice(2)
const named = words.filter((word) => word !== '--stale')
const wanted = named.length > 0 ? named : shipped
const unknown = wanted.filter((processor) => !processors.includes(processor))
if (unknown.length > 0) {
  console.error(`prebuild: ${unknown.join(', ')}: not one of ${processors.join(', ')}`)
  process.exit(2)
}
for (const processor of wanted) {
  if (words.includes('--stale') && fresh(processor)) continue
  const status = build(processor)
  if (status !== 0) process.exit(status)
}
const symbols = join(root, 'scripts/checks/symbols.mjs')
process.exit(run(process.execPath, [symbols, ...wanted.map(binary)]))
