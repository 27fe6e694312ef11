// Builds what is out of date: the dependencies, the addon, the TypeScript. `build.mjs [native|ts]` for one of them.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ensure } from './apt.mjs'
import { bundle } from './bundle.mjs'
import { bin, has, nodeHeaders, root, run } from './run.mjs'

const addon = join(root, 'build/Release/graphdriver.node')

function fail(status) {
  if (status !== 0) process.exit(status)
}

function mtime(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0
}

/** Is what the lock file asks for what node_modules holds? */
function installed() {
  const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8')).packages
  if (!existsSync(join(root, 'node_modules/.package-lock.json'))) return false
  const there = read('node_modules/.package-lock.json')
  return Object.entries(read('package-lock.json')).every(
    ([path, { version, optional }]) => path === '' || optional || there[path]?.version === version,
  )
}

function dependencies() {
  if (!installed()) fail(run('npm', ['ci', '--no-progress']))
}

function sources() {
  return readdirSync(join(root, 'native'))
    .filter((name) => /\.(cc|h|inc)$/.test(name))
    .map((name) => join(root, 'native', name))
}

/** What node-gyp works with. */
const tools = [
  ['g++', 'g++', 'compiles the addon'],
  ['make', 'make', 'runs the compiler'],
  ['python3', 'python3', 'node-gyp is written in it'],
]

function native() {
  const gyp = mtime(join(root, 'binding.gyp'))
  // The directory's own time tells of files that came or went.
  const directory = mtime(join(root, 'native'))
  const newest = Math.max(gyp, directory, ...sources().map(mtime))
  if (mtime(addon) > newest) return
  if (ensure(tools).length > 0) fail(1)
  const headers = nodeHeaders()
  const makefile = mtime(join(root, 'build/Makefile'))
  const steps = makefile > Math.max(gyp, directory) ? ['build'] : ['configure', 'build']
  const args = [bin('node-gyp'), ...steps, '--loglevel=error', ...(headers ? [`--nodedir=${headers}`] : [])]
  mkdirSync(join(root, 'build'), { recursive: true })
  // Two builds in one directory at once would mix their object files.
  const locked = has('flock') ? ['flock', join(root, 'build/.lock')] : []
  const [command, ...rest] = [...locked, process.execPath, ...args]
  fail(run(command, rest, { env: { ...process.env, MAKEFLAGS: process.env.MAKEFLAGS ?? '-j2 -s' } }))
}

/** tsc leaves the output of sources that are gone. */
function sweep() {
  const dist = join(root, 'dist')
  if (!existsSync(dist)) return
  for (const entry of readdirSync(dist, { recursive: true })) {
    const source = entry.replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts')
    if (entry.startsWith('bundle')) continue
    if (source !== entry && !existsSync(join(root, 'lib', source))) rmSync(join(dist, entry))
  }
}

async function typescript() {
  sweep()
  fail(run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json']))
  await bundle()
}

const wanted = process.argv[2]
dependencies()
if (wanted !== 'ts') native()
if (wanted !== 'native') await typescript()
