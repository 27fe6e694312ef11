// Programs that a script needs and that Debian has packages for.
import { spawnSync } from 'node:child_process'
import { has } from './run.mjs'

function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const options = ['-qq', '-o=Acquire::Retries=0', '-o=Dpkg::Use-Pty=0']
  return spawnSync('apt-get', [...options, ...args], { env, encoding: 'utf8', timeout: 300_000 })
}

/**
 * Installs what is missing where that is possible: as root, with apt. Says what it does.
 *
 * @param programs rows of program, Debian's package, and what it is for
 * @returns the rows that are still missing
 */
export function ensure(programs, allowed = true) {
  const missing = programs.filter(([program]) => !has(program))
  if (missing.length === 0) return []
  const packages = missing.map(([, name]) => name)
  const list = missing.map(([program, , why]) => `  ${program}: ${why}`).join('\n')
  if (!allowed || process.getuid?.() !== 0 || !has('apt-get')) {
    console.log(`missing (apt-get install ${packages.join(' ')}):\n${list}`)
    return missing
  }
  console.log(`installing from apt: ${packages.join(' ')}\n${list}`)
  const install = () => apt('install', '--yes', '--no-install-recommends', ...packages)
  let done = install()
  if (done.status !== 0) {
    apt('update')
    done = install()
  }
  if (done.status !== 0) console.log(`apt-get failed:\n${done.stderr}`)
  return programs.filter(([program]) => !has(program))
}
