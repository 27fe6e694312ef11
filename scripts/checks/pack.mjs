// What `npm pack` would ship: exactly what is needed, small, and readable by every resolver. The binaries are made for a release, so they may
// be missing; with --release they may not. Files that are not TypeScript's are in the list below, or they are not shipped.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { shipped } from '../processors.mjs'
import { bin, capture, root, run } from '../run.mjs'

const release = process.argv.includes('--release')
/** Bytes: of the tarball, and of what it unpacks to. */
const budget = { size: 1_000_000, unpackedSize: 3_500_000 }
const named = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'UPGRADING.md', 'man/graphdriver.1']
const sources = readdirSync(join(root, 'lib'), { recursive: true }).filter((name) => name.endsWith('.ts'))
/** With the sources, since the maps lead there. */
const compiled = sources.flatMap((name) => {
  const declarations = name.replace(/ts$/, 'd.ts')
  // Nobody can import what the command is made of.
  if (name.startsWith('cli/')) return [`lib/${name}`]
  return [`lib/${name}`, `dist/${declarations}`, `dist/${declarations}.map`]
})
/** Names with hashes: what the build made, and nothing else is in its directory. */
const bundled = readdirSync(join(root, 'dist/bundle')).map((name) => `dist/bundle/${name}`)
const binaries = shipped.map((processor) => `prebuilds/linux-${processor}/graphdriver.node`)
// npm compiles a package whose tarball holds a root binding.gyp, and no script of ours may run at installation.
const scripts = ['preinstall', 'install', 'postinstall', 'prepare']

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const problems = []

function contents() {
  const text = capture('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'])
  const answer = text === undefined ? undefined : JSON.parse(text)
  // npm answers a list, and since version 12 an object by package name.
  return answer && Object.values(answer)[0]
}

const tarball = contents()
if (tarball === undefined) problems.push('npm pack failed')
else {
  const paths = tarball.files.map((file) => file.path)
  const needed = [...named, ...compiled, ...bundled, ...(release ? binaries : [])]
  const expected = new Set([...needed, ...binaries])
  for (const path of paths) if (!expected.has(path)) problems.push(`ships ${path}`)
  for (const path of needed) if (!paths.includes(path)) problems.push(`lacks ${path}`)
  for (const [what, most] of Object.entries(budget))
    if (tarball[what] > most) problems.push(`${what} is ${tarball[what]} bytes, more than ${most}`)
  console.log(`pack: ${paths.length} files, ${tarball.size} bytes packed, ${tarball.unpackedSize} unpacked`)
}
for (const name of scripts) if (manifest.scripts[name]) problems.push(`has a script named ${name}`)
for (const problem of problems) console.error(problem)

const judges = [
  [bin('publint'), '--strict'],
  [bin('attw'), '--pack', '.', '--profile', 'esm-only', '--no-emoji', '--format', 'ascii'],
]
// They call npm pack as well; the binaries are made for a release, not for them.
const env = { ...process.env, npm_config_ignore_scripts: 'true' }
const failed = judges.filter((args) => run(process.execPath, args, { env }) !== 0)
process.exit(problems.length + failed.length === 0 ? 0 : 1)
