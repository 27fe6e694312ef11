// What the suites can run on beside the Node.js that started them: other lines of it, and an emulated processor.
import { chmodSync, cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensure } from './apt.mjs'
import { capture, root, run } from './run.mjs'
import { tool } from './toolbox.mjs'

const everywhere = ['unit', 'native', 'kernel', 'contract']
/** The oldest that works, and the newest of each line. */
const lines = ['node-20', 'node-22', 'node-24', 'node-26']
const ARM64_LIBRARIES = '/usr/aarch64-linux-gnu'

/** The directories of tests that each machine runs when nothing else is asked for. */
export const machines = {
  own: ['package', ...everywhere],
  ...Object.fromEntries(lines.map((line) => [line, everywhere])),
  // Tens of times slower: what the addon does, and what depends on the processor.
  arm64: ['unit', 'native'],
}

function script(path, text) {
  writeFileSync(path, text)
  chmodSync(path, 0o755)
}

/** Node.js for arm64 under qemu's emulation of a process. What it starts by process.execPath is emulated too. */
function emulated() {
  const programs = [
    ['qemu-aarch64', 'qemu-user', 'runs programs for arm64'],
    ['aarch64-linux-gnu-g++', 'g++-aarch64-linux-gnu', 'brings the C library for arm64'],
  ]
  if (ensure(programs).length > 0) throw new Error('no emulator')
  const prebuild = [join(root, 'scripts/prebuild.mjs'), '--stale', 'arm64']
  if (run(process.execPath, prebuild, { stdio: ['ignore', 2, 2] }) !== 0)
    throw new Error('no binary for arm64')
  const node = tool('node-22-arm64')
  const directory = join(root, 'build/toolbox/arm64')
  mkdirSync(directory, { recursive: true })
  const wrapper = join(directory, 'node')
  script(wrapper, `#!/bin/sh\nexec qemu-aarch64 -L ${ARM64_LIBRARIES} '${node}' "$@"\n`)
  const preload = join(directory, 'preload.cjs')
  writeFileSync(preload, `process.execPath = ${JSON.stringify(wrapper)}\n`)
  return {
    node: wrapper,
    requires: [join(root, 'scripts/emulated.cjs')],
    env: {
      PATH: `${directory}:${process.env.PATH}`,
      NODE_OPTIONS: `--require ${preload}`,
      // tsx compiles with a program, and that is this machine's.
      ESBUILD_BINARY_PATH: join(root, `node_modules/@esbuild/linux-${process.arch}/bin/esbuild`),
      GRAPHDRIVER_NATIVE: join(root, 'prebuilds/linux-arm64/graphdriver.node'),
      GRAPHDRIVER_SLOW: '20',
      GRAPHDRIVER_EMULATED: '1',
    },
  }
}

/**
 * Bun for musl, the one runtime with Node-API for musl that npm carries. It wants the C++ library, which Debian has for glibc only: that
 * one will do with musl, and with stand-ins for the few functions that glibc has more.
 */
function onMusl() {
  if (ensure([['musl-gcc', 'musl-tools', 'musl, and a compiler for it']]).length > 0)
    throw new Error('no musl')
  const directory = join(root, 'build/toolbox/musl')
  mkdirSync(directory, { recursive: true })
  const libraries = `/usr/lib/${capture('gcc', ['-print-multiarch']).trim()}`
  for (const name of ['libstdc++.so.6', 'libgcc_s.so.1'])
    cpSync(join(libraries, name), join(directory, name), { dereference: true })
  const shim = ['-shared', '-fPIC', '-o', join(directory, 'ld-linux-x86-64.so.2')]
  const status = run('musl-gcc', [...shim, join(root, 'scripts/musl-shim.c')])
  if (status !== 0) throw new Error('the stand-ins do not compile')
  return { node: tool('bun-musl'), requires: [], env: { LD_LIBRARY_PATH: directory } }
}

/**
 * The program that is Node.js there (or Bun, or Deno), files for mocha's --require, and what its environment needs.
 *
 * @throws Error when it cannot be had
 */
export function machine(name) {
  if (name === 'own') return { node: process.execPath, requires: [], env: {} }
  if (name === 'arm64') return emulated()
  if (name === 'bun-musl') return onMusl()
  return { node: tool(name), requires: [], env: {} }
}
