import {
  FSOPEN_CLOEXEC,
  MS_BIND,
  MS_MOVE,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REMOUNT,
  MS_SHARED,
  MS_SLAVE,
  MS_UNBINDABLE,
  SyscallError,
  tryMount,
} from '../sys/index.ts'
import type { FsSetting } from '../sys/index.ts'
import { splitOptions } from './options.ts'

/** fsconfig(2) copies at most 255 bytes of a string and its NUL. */
const longestValue = 255

const otherCalls = MS_REMOUNT | MS_BIND | MS_MOVE | MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE

/** Filesystems that answer the newer interface in the kernel's log only, so that a second try would only cost. */
const silent: ReadonlySet<string> = new Set(['aufs'])

/**
 * mount(2) gives only an errno. The newer interface has words for some failures: this makes the same superblock
 * once more by it, attached nowhere, and answers what the kernel said. Linux 5.2.
 *
 * @returns undefined where there are no words, or the second try failed otherwise or not at all: then they would be about
 * something else.
 */
export async function wordsOfFailure(
  error: SyscallError,
  type: string,
  source: string,
  flags: number,
  data: string,
): Promise<string | undefined> {
  if (flags & otherCalls || silent.has(type) || error.code === 'E2BIG' || error.code === 'EPERM')
    return undefined
  const settings = settingsOf(source, flags, data)
  if (settings === undefined) return undefined
  try {
    await tryMount({ type, settings, flags: FSOPEN_CLOEXEC })
    return undefined
  } catch (second) {
    if (!(second instanceof SyscallError) || second.errno !== error.errno) return undefined
    return second.detail
  }
}

function settingsOf(source: string, flags: number, data: string): FsSetting[] | undefined {
  const settings: FsSetting[] = source === '' ? [] : [{ key: 'source', value: source }]
  if (flags & MS_RDONLY) settings.push({ key: 'ro' })
  for (const word of splitOptions(data)) settings.push(settingOf(word))
  const fits = settings.every((setting) => !('value' in setting) || setting.value.length <= longestValue)
  return fits ? settings : undefined
}

/** A word of mount data as a setting. */
export function settingOf(word: string): { key: string } | { key: string; value: string } {
  const at = word.indexOf('=')
  return at < 0 ? { key: word } : { key: word.slice(0, at), value: word.slice(at + 1) }
}
