// `npm run release -- VERSION`: everything that a release is made of, up to the door; nothing is published. What would still keep
// it from that is listed. With --publish, which takes a clean checkout at the tag v<VERSION>, it goes to the registry, with
// a statement of where it was built (provenance: only from a CI that npm knows). The files are in build/release/.
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runChecks } from './checks/all.mjs'
import { capture, root, run } from './run.mjs'

const words = process.argv.slice(2)
const publish = words.includes('--publish')
const version = words.find((word) => !word.startsWith('--'))
const read = (name) => readFileSync(join(root, name), 'utf8')
const out = join(root, 'build/release')

function fail(text) {
  console.error(`release: ${text}`)
  process.exit(1)
}

function step(title, command, args) {
  console.log(`\n===== ${title}`)
  if (run(command, args) !== 0) fail(`${title} failed`)
}

/** What a release needs and no program can make. */
function obstacles() {
  const found = []
  const manifest = JSON.parse(read('package.json'))
  const lock = JSON.parse(read('package-lock.json'))
  if (manifest.version !== version) found.push(`package.json has version ${manifest.version}`)
  if (lock.version !== version) found.push(`package-lock.json has version ${lock.version}`)
  const heading = read('CHANGELOG.md')
    .split('\n')
    .find((line) => line.startsWith('## '))
  const [, named, date] = /^## (\S+) - (\S+)$/.exec(heading ?? '') ?? []
  if (named !== version) found.push(`CHANGELOG.md begins with ${named ?? 'no version'}`)
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date ?? '')) found.push(`CHANGELOG.md gives no date: ${date}`)
  const status = capture('git', ['status', '--porcelain'])
  if (status !== '') found.push('the checkout has changes that are not committed')
  const tags = capture('git', ['tag', '--points-at', 'HEAD']) ?? ''
  if (!tags.split('\n').includes(`v${version}`)) found.push(`this commit has no tag v${version}`)
  return found
}

/**
 * What the package is made of at run time. npm sbom --omit=dev leaves out what a dependency of development uses as well (npm 11), and calls the
 * package as its directory is called: so it is asked of a directory that has the package's name, and no more than what users get.
 */
function billOfMaterials() {
  const manifest = JSON.parse(read('package.json'))
  const work = mkdtempSync(join(tmpdir(), 'release-'))
  const cwd = join(work, manifest.name)
  try {
    mkdirSync(cwd)
    for (const name of ['package.json', 'package-lock.json', '.npmrc'])
      copyFileSync(join(root, name), join(cwd, name))
    if (run('npm', ['ci', '--omit=dev', '--ignore-scripts'], { cwd }) !== 0) return undefined
    delete manifest.devDependencies
    writeFileSync(join(cwd, 'package.json'), JSON.stringify(manifest))
    return capture('npm', ['sbom', '--sbom-format=cyclonedx', '--sbom-type=library'], { cwd })
  } finally {
    rmSync(work, { recursive: true })
  }
}

/** The tarball, what is in it, and its digests. */
function pack() {
  console.log('\n===== pack')
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  const text = capture('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', out])
  if (text === undefined) fail('npm pack failed')
  const [{ filename }] = Object.values(JSON.parse(text))
  const bill = billOfMaterials()
  if (bill === undefined) fail('npm gives no bill of materials')
  const billName = filename.replace(/\.tgz$/, '.cdx.json')
  writeFileSync(join(out, billName), bill)
  const names = [filename, billName]
  const digest = (name) => createHash('sha256').update(readFileSync(join(out, name)))
  const sums = names.map((name) => `${digest(name).digest('hex')}  ${name}\n`).join('')
  writeFileSync(join(out, 'SHA256SUMS'), sums)
  process.stdout.write(sums)
  return join(out, filename)
}

if (!/^\d+\.\d+\.\d+(-[0-9a-z.-]+)?$/.test(version ?? '')) fail('which version? npm run release -- 1.2.3')
const left = obstacles()
for (const obstacle of left) console.log(`${publish ? 'in the way' : 'still to do'}: ${obstacle}`)
if (publish && left.length > 0) fail('nothing is published')
step('build', process.execPath, [join(root, 'scripts/build.mjs')])
step('binaries', process.execPath, [join(root, 'scripts/prebuild.mjs')])
console.log('\n===== checks')
if ((await runChecks()).failed > 0) fail('the checks failed')
step('package', process.execPath, [join(root, 'scripts/checks/pack.mjs'), '--release'])
const tarball = pack()
const command = ['publish', tarball, '--ignore-scripts', '--provenance', '--access=public']
if (publish) step('publish', 'npm', command)
else console.log(`\nnothing is published; --publish would run: npm ${command.join(' ')}`)
