// What `npm pack` would ship: nothing unexpected, nothing missing, small, and readable by every resolver.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bin, capture, root, run } from '../run.mjs'

const budget = 700_000
const expected = [
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|UPGRADING\.md)$/,
  /^dist\/bundle\/\w+(-\w+)?\.js(\.map)?$/,
  /^dist\/.*\.d\.ts(\.map)?$/,
  /^lib\/.*\.ts$/,
  /^native\/.*\.(cc|h|inc)$/,
  /^prebuilds\/linux-\w+\/graphdriver\.node$/,
]
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
  for (const path of paths)
    if (!expected.some((pattern) => pattern.test(path))) problems.push(`ships ${path}`)
  const targets = Object.values(manifest.exports)
    .flatMap((target) => (typeof target === 'string' ? [target] : Object.values(target)))
    .map((target) => target.slice(2))
  for (const path of [...targets, 'README.md', 'LICENSE'])
    if (!paths.includes(path)) problems.push(`lacks ${path}`)
  if (tarball.size > budget) problems.push(`${tarball.size} bytes packed, more than ${budget}`)
  console.log(`pack: ${paths.length} files, ${tarball.size} bytes packed`)
}
for (const name of scripts) if (manifest.scripts[name]) problems.push(`has a script named ${name}`)
for (const problem of problems) console.error(problem)

const judges = [
  [bin('publint'), '--strict'],
  [bin('attw'), '--pack', '.', '--profile', 'esm-only', '--no-emoji', '--format', 'ascii'],
]
const failed = judges.filter((args) => run(process.execPath, args) !== 0)
process.exit(problems.length + failed.length === 0 ? 0 : 1)
