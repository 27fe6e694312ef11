import { lstat, readdir, rm, writeFile } from 'node:fs/promises'
import { codeOf } from '../store/index.ts'
import type { LayerForm } from '../sys/layer-form.ts'
import { AT_FDCWD, mknodat, setxattr } from '../sys/index.ts'

const S_IFCHR = 0o020000
const WHITEOUT = '.wh.'
const MARKER = '.wh..wh..opq'

/**
 * Unions join the roots of their layers whatever those say. So a layer that hides everything below gets a whiteout for each name that the layers
 * below show in their root, and its own directories of such a name hide what is in theirs.
 *
 * @param directory the layer's own.
 * @param lowers the directories of the layers below, nearest first.
 */
export async function hideRootBelow(
  directory: string,
  lowers: readonly string[],
  form: LayerForm,
): Promise<void> {
  if (form === 'aufs') await rm(inside(directory, Buffer.from(MARKER)), { force: true })
  for (const name of await namesBelow(lowers, form)) {
    const own = await kindOf(inside(directory, name))
    if (own === 'nothing') await whiteout(directory, name, form)
    else if (own === 'directory') await markOpaque(inside(directory, name), form)
  }
}

async function namesBelow(lowers: readonly string[], form: LayerForm): Promise<Buffer[]> {
  const shown = new Map<string, Buffer>()
  const gone = new Set<string>()
  for (const lower of lowers) {
    const names = new Map(
      (await readdir(lower, { encoding: 'buffer' })).map((name) => [name.toString('latin1'), name]),
    )
    const hidden = [...names.keys()].filter((key) => form === 'aufs' && key.startsWith(WHITEOUT))
    for (const [key, name] of names) {
      if (shown.has(key) || gone.has(key) || hidden.includes(key)) continue
      if ((await kindOf(inside(lower, name))) === 'device 0:0' && form !== 'aufs') gone.add(key)
      else shown.set(key, name)
    }
    for (const key of hidden) gone.add(key.slice(WHITEOUT.length))
  }
  return [...shown.values()]
}

async function kindOf(path: Buffer): Promise<'nothing' | 'directory' | 'device 0:0' | 'other'> {
  try {
    const stats = await lstat(path)
    if (stats.isDirectory()) return 'directory'
    return stats.isCharacterDevice() && stats.rdev === 0 ? 'device 0:0' : 'other'
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'nothing'
    throw error
  }
}

async function whiteout(directory: string, name: Buffer, form: LayerForm): Promise<void> {
  if (form !== 'aufs') await mknodat(AT_FDCWD, inside(directory, name), S_IFCHR, 0, 0)
  else await writeFile(inside(directory, Buffer.concat([Buffer.from(WHITEOUT), name])), '', { mode: 0o444 })
}

async function markOpaque(path: Buffer, form: LayerForm): Promise<void> {
  if (form === 'aufs') {
    await writeFile(Buffer.concat([path, Buffer.from(`/${MARKER}`)]), '', { mode: 0o444 })
  } else {
    const prefix = form === 'overlay-user' ? 'user' : 'trusted'
    await setxattr(path, `${prefix}.overlay.opaque`, Buffer.from('y'), { nofollow: true })
  }
}

function inside(directory: string, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), name])
}
