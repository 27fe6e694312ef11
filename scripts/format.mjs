// prettier and clang-format over everything: `format.mjs --write|--check`.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { bin, root, run } from './run.mjs'

const write = process.argv.includes('--write')
const native = existsSync(join(root, 'native')) ? readdirSync(join(root, 'native')) : []
const sources = native.filter((name) => /\.(cc|h)$/.test(name)).map((name) => `native/${name}`)
const prettier = run(process.execPath, [
  bin('prettier'),
  write ? '--write' : '--check',
  '--log-level=warn',
  '.',
])
const clang =
  sources.length === 0
    ? 0
    : run(process.execPath, [bin('clang-format'), ...(write ? ['-i'] : ['--dry-run', '-Werror']), ...sources])
process.exit(prettier + clang === 0 ? 0 : 1)
