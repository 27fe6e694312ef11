// The binary that ships: prebuilds/linux-<arch>/graphdriver.node, stripped, and checked like every build.
// In a directory of its own, since prebuildify empties build/.
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bin, nodeHeaders, root, run } from './run.mjs'

const headers = nodeHeaders()
const env = { ...process.env, ...(headers ? { npm_config_nodedir: headers } : {}) }
const work = mkdtempSync(join(tmpdir(), 'graphdriver-prebuild-'))
let status
try {
  for (const name of ['binding.gyp', 'native', 'package.json']) {
    cpSync(join(root, name), join(work, name), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(work, 'node_modules'))
  const target = ['--target', process.version.slice(1)]
  const args = ['--napi', '--strip', '--quiet', ...target, '--cwd', work, '--out', root]
  status = run(process.execPath, [bin('prebuildify'), ...args], { env, cwd: work })
} finally {
  rmSync(work, { recursive: true })
}
process.exit(status || run(process.execPath, [join(root, 'scripts/checks/symbols.mjs')]))
