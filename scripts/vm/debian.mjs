// Debian's own kernel, from apt, unpacked under build/vm/: for a machine to test on without installing a kernel.
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { capture, root, run } from '../run.mjs'

/** Fetches what the metapackage (linux-image-amd64, linux-image-cloud-amd64) stands for; answers the image's path. */
export function debianKernel(metapackage) {
  const depends = capture('apt-cache', ['depends', '--no-recommends', metapackage]) ?? ''
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1]
  if (!name) throw new Error(`apt knows no ${metapackage}: apt-get update`)
  const directory = join(root, 'build/vm')
  const unpacked = join(directory, name)
  mkdirSync(directory, { recursive: true })
  if (!existsSync(join(unpacked, 'boot'))) {
    if (run('apt-get', ['download', '-qq', name], { cwd: directory }) !== 0)
      throw new Error(`cannot download ${name}`)
    const file = readdirSync(directory).find(
      (entry) => entry.startsWith(`${name}_`) && entry.endsWith('.deb'),
    )
    if (run('dpkg-deb', ['-x', join(directory, file), unpacked]) !== 0)
      throw new Error(`cannot unpack ${file}`)
  }
  return join(unpacked, 'boot', name.replace('linux-image-', 'vmlinuz-'))
}
