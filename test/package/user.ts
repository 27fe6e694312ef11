// What a user of the package has: its tarball, a project of his own, and a package manager.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { unlessLong } from '../figures.ts'
import { type Body, describeUnless, itUnless } from '../skip.ts'

export const root: string = resolve(import.meta.dirname, '../..')

/** For what fetches programs, or takes minutes, as `why` says. */
export function describeLong(why: string, title: string, body: () => void): void {
  describeUnless(unlessLong(why), title, body)
}

export function itLong(why: string, title: string, body: Body): Mocha.Test {
  return itUnless(unlessLong(why), title, body)
}

export interface Outcome {
  status: number | null
  /** What it wrote, to both. */
  text: string
}

/** What an installation must not run: each of these is in front of the real one, and says that it was called. */
const forbidden = [
  ...['cc', 'c++', 'gcc', 'g++', 'clang', 'clang++', 'make', 'cmake', 'python', 'python3', 'ld', 'as'],
  ...['node-gyp', 'node-gyp-build', 'prebuild-install', 'node-pre-gyp', 'curl', 'wget'],
]

/** A directory of programs that only write their names into `calls`. */
export function decoys(directory: string): string {
  mkdirSync(directory, { recursive: true })
  const calls = join(directory, 'calls.log')
  const write = (name: string, text: string): void => {
    writeFileSync(join(directory, name), `#!/bin/sh\necho "${name} $*" >> '${calls}'\n${text}\n`)
    chmodSync(join(directory, name), 0o755)
  }
  for (const name of forbidden) write(name, 'exit 1')
  // What npm and pnpm run scripts of packages with.
  write('script-shell', 'exec /bin/sh "$@"')
  return directory
}

/** What of that was called. */
export function called(directory: string): string[] {
  const calls = join(directory, 'calls.log')
  return existsSync(calls) ? readFileSync(calls, 'utf8').trimEnd().split('\n') : []
}

/** Neither our own build nor npm's settings of the run that started the tests; and the decoys, where there are any. */
export function environment(watched?: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^(npm_(?!config_(registry|.*proxy|cafile)$)|GRAPHDRIVER_NATIVE$|GRAPHDRIVER_LONG$)/i.test(name),
  )
  // A package manager would leave a cache behind in the directory for temporary files.
  const plain = { ...Object.fromEntries(kept), DISABLE_V8_COMPILE_CACHE: '1' }
  if (watched === undefined) return plain
  const shell = join(watched, 'script-shell')
  return {
    ...plain,
    PATH: `${watched}${delimiter}${process.env['PATH'] ?? ''}`,
    npm_config_script_shell: shell,
    ...{ CC: join(watched, 'cc'), CXX: join(watched, 'c++'), npm_config_python: join(watched, 'python3') },
  }
}

export function run(command: string[], cwd: string, env: NodeJS.ProcessEnv = environment()): Outcome {
  const done = spawnSync(command[0]!, command.slice(1), { cwd, env, encoding: 'utf8' })
  return { status: done.status, text: `${done.stdout}${done.stderr}${done.error?.message ?? ''}` }
}

export function succeeds(command: string[], cwd: string, env?: NodeJS.ProcessEnv): string {
  const { status, text } = run(command, cwd, env)
  assert.equal(status, 0, `${command.join(' ')}:\n${text}`)
  return text
}

/** The words before a program that mounts, so that its mounts are its own; or the reason why there are none. */
export function privately(): string[] | string {
  const enter = ['unshare', '--mount', '--propagation', 'private']
  const asUser = ['unshare', '--user', '--map-root-user', '--mount', '--propagation', 'private']
  const works = [enter, asUser].find((words) => run([...words, 'true'], root).status === 0)
  return works ?? 'this machine gives no mount namespace'
}

/** Where the binaries are that the tarball gets: those that ship, where they are built, and our own build for this processor. */
function binaries(into: string): void {
  const shipped = join(root, 'prebuilds')
  if (existsSync(shipped)) cpSync(shipped, join(into, 'prebuilds'), { recursive: true })
  const own = join(into, 'prebuilds', `linux-${process.arch}`)
  mkdirSync(own, { recursive: true })
  cpSync(join(root, 'build/Release/graphdriver.node'), join(own, 'graphdriver.node'))
}

/** Packs the checkout, and answers the tarball's path. */
export function pack(work: string): string {
  const source = join(work, 'source')
  mkdirSync(source, { recursive: true })
  const files = ['package.json', 'binding.gyp', 'dist', 'lib', 'native', 'README.md', 'LICENSE']
  for (const name of files) cpSync(join(root, name), join(source, name), { recursive: true })
  binaries(source)
  succeeds(['npm', 'pack', '--pack-destination', work, '--ignore-scripts'], source)
  rmSync(source, { recursive: true })
  const tarball = readdirSync(work).find((name) => name.endsWith('.tgz'))
  assert.ok(tarball)
  return join(work, tarball)
}

/** An empty project, in a directory without any other above it that has a package.json. */
export function project(directory: string, manifest: Record<string, unknown> = {}): string {
  mkdirSync(directory, { recursive: true })
  const text = JSON.stringify({ name: 'user', version: '1.0.0', private: true, ...manifest })
  writeFileSync(join(directory, 'package.json'), text)
  cpSync(join(root, 'test/package/smoke.mjs'), join(directory, 'smoke.mjs'))
  mkdirSync(join(directory, 'target'), { recursive: true })
  return directory
}

/** The packages below a directory that have a script which runs at installation, or that npm would compile. */
export function withScripts(directory: string): string[] {
  const found: string[] = []
  for (const entry of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    if (!/(^|\/)node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/.test(entry)) continue
    const text = readFileSync(join(directory, entry), 'utf8')
    const { scripts = {} } = JSON.parse(text) as { scripts?: Record<string, string> }
    const names = ['preinstall', 'install', 'postinstall'].filter((name) => name in scripts)
    const gyp = existsSync(join(directory, entry, '../binding.gyp')) ? ['binding.gyp'] : []
    if (names.length + gyp.length > 0) found.push(`${entry}: ${[...names, ...gyp].join(', ')}`)
  }
  return found
}

/** Runs the smoke test of a project: a runtime's words, and what must come out. */
export function smoke(
  words: string[],
  directory: string,
  wanted: { runtime?: string; arch?: string } = {},
): void {
  const enter = privately()
  assert.ok(typeof enter !== 'string', String(enter))
  const text = succeeds([...enter, ...words, 'smoke.mjs', join(directory, 'target')], directory)
  const line = text.split('\n').find((part) => part.startsWith('{'))
  assert.ok(line, text)
  assert.deepEqual(JSON.parse(line), {
    mounted: true,
    below: 'below',
    names: ['file'],
    left: false,
    same: true,
    required: 'function',
    runtime: 'node',
    arch: process.arch,
    ...wanted,
  })
}
