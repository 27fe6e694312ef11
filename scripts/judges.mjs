// Programs that some tests compare with or run inside a mount. As root on a machine with apt they are installed;
// JUDGES=off leaves the machine as it is. Nothing here fails: a test whose judge is missing says so and skips.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { has } from './run.mjs'

/** Program, Debian's package, and what it is for. */
const judges = [
  ['busybox', 'busybox-static', 'a whole userland in one static file, run inside mounted layers'],
  ['strace', 'strace', 'which system calls are made'],
]

export function installJudges() {
  const missing = judges.filter(([program]) => !has(program))
  if (missing.length === 0) return
  const packages = missing.map(([, name]) => name)
  const describe = () => missing.map(([program, , why]) => `  ${program}: ${why}`).join('\n')
  const able = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')
  if (process.env.JUDGES === 'off' || !able) {
    console.log(`missing, so some tests skip (apt-get install ${packages.join(' ')}):\n${describe()}`)
    return
  }
  console.log(`installing from apt (JUDGES=off to leave it): ${packages.join(' ')}\n${describe()}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...args) =>
    spawnSync('apt-get', ['-qq', '-o=Acquire::Retries=0', ...args], {
      env,
      encoding: 'utf8',
      timeout: 180_000,
    })
  const install = () => apt('install', '--yes', '--no-install-recommends', ...packages)
  if (install().status === 0) return
  apt('update')
  const done = install()
  if (done.status !== 0)
    console.log(`apt-get could not install them, so some tests skip:\n${describe()}\n${done.stderr ?? ''}`)
}
