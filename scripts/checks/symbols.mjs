// One binary for glibc and musl: no library of its own, no versioned symbol, and nothing undefined but Node-API 8 and
// what symbols.txt lists. `symbols.mjs [file.node…]` checks others than the built ones.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { capture, has, root } from '../run.mjs'

/** Node-API may be used up to the version that binding.gyp names. */
const { symbols } = createRequire(import.meta.url)('node-api-headers')
const api = new Set([...symbols.v8.js_native_api_symbols, ...symbols.v8.node_api_symbols])
const listed = readFileSync(join(import.meta.dirname, 'symbols.txt'), 'utf8').split('\n')
const lines = listed.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'))
const allowed = new Set(lines)
const exported = new Set(['napi_register_module_v1', 'node_api_module_get_api_version_v1'])

function built() {
  const prebuilds = join(root, 'prebuilds')
  const shipped = existsSync(prebuilds) ? readdirSync(prebuilds, { recursive: true }) : []
  const files = shipped.filter((name) => name.endsWith('.node')).map((name) => join(prebuilds, name))
  return [join(root, 'build/Release/graphdriver.node'), ...files]
}

/** Columns of readelf: Num Value Size Type Bind Vis Ndx Name. */
function dynamicSymbols(file) {
  const text = capture('readelf', ['--dyn-syms', '--wide', file]) ?? ''
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((row) => /^\d+:$/.test(row[0]) && row[7])
    .map((row) => ({
      name: row[7].split('@')[0],
      version: row[7].split('@').pop(),
      undefined: row[6] === 'UND',
      weak: row[4] === 'WEAK',
      // Some linkers list the sections themselves, which nobody else can see.
      local: row[4] === 'LOCAL',
      versioned: row[7].includes('@'),
    }))
}

function judge(file) {
  const problems = []
  const header = capture('readelf', ['--dynamic', '--wide', file])
  if (header === undefined) return ['readelf cannot read it']
  for (const [, name] of header.matchAll(/\(NEEDED\).*\[(.*)\]/g))
    problems.push(`needs ${name}: no C library fits both glibc and musl`)
  if (!header.includes('NODELETE')) problems.push('not linked with -z nodelete')
  if (!header.includes('BIND_NOW')) problems.push('not linked with -z now')
  const symbols = dynamicSymbols(file)
  for (const symbol of symbols) {
    if (symbol.versioned) problems.push(`${symbol.name} has a version, ${symbol.version}`)
    if (!symbol.undefined && !symbol.local && !exported.has(symbol.name))
      problems.push(`exports ${symbol.name}`)
    const listing = symbol.weak ? `weak ${symbol.name}` : symbol.name
    if (symbol.undefined && !api.has(symbol.name) && !allowed.has(listing))
      problems.push(`asks for ${symbol.name}`)
  }
  if (!symbols.some((symbol) => symbol.name === 'napi_register_module_v1'))
    problems.push('is no Node-API addon')
  console.log(
    `symbols: ${file}: ${symbols.filter((symbol) => symbol.undefined).length} undefined, ${problems.length} problems`,
  )
  return problems
}

if (!has('readelf')) {
  console.error('symbols: readelf is missing (binutils)')
  process.exit(1)
}
let failed = false
const files = process.argv.length > 2 ? process.argv.slice(2) : built()
for (const file of files) {
  const problems = existsSync(file) ? judge(file) : ['is not there: npm run build']
  for (const problem of problems) console.error(`${file}: ${problem}`)
  failed ||= problems.length > 0
}
process.exit(failed ? 1 : 0)
