import { binding } from './binding.ts'
import { SyscallError } from './error.ts'
import { encodeSettings, type FsSetting, kernelWords } from './newmount.ts'

/** The calls that native names by their number. */
const CALLS = ['open', 'fsopen', 'fsconfig', 'fsmount', 'mkdirat'] as const

/**
 * Asks the kernel whether a directory is the upper of a live overlay, in one job. Linux 5.2.
 *
 * @param scratch an empty directory for the upper of the question itself; left out, that lies on a tmpfs of a moment.
 * @throws SyscallError of the call that failed, with the kernel's own words; EINVAL where the kernel takes no tmpfs that is mounted
 * nowhere (before Linux 6.15).
 */
export async function overlayInUse(directory: string, scratch?: string): Promise<boolean> {
  const answer = await binding().overlayInUse(directory, scratch ?? null)
  if (typeof answer === 'number' && answer >= 0) return answer === 1
  const { errno, step, log } = typeof answer === 'number' ? { errno: answer, step: 0, log: '' } : answer
  throw new SyscallError(errno, CALLS[step] ?? 'fsconfig', { path: directory, detail: kernelWords(log) })
}

/** What {@link mountOverlay} mounts. */
export interface OverlayToMount {
  /** An existing directory. */
  readonly target: string
  /** The upper and work directories that it names. Left out: it is read-only. */
  readonly upper?: { readonly directory: string; readonly work: string } | undefined
  /** By mount(2), with MS_* and its data; or by the newer calls, with MOUNT_ATTR_* and settings. */
  readonly by:
    | { readonly flags: number; readonly data: string }
    | { readonly attributes: number; readonly settings: readonly FsSetting[] }
}

/**
 * Asks whether the upper directory is in use, and mounts, in one job: where nothing at all is in the way. Else nothing is done, and who
 * wants to know why takes the steps one by one.
 *
 * @returns 0; else a negative errno: EEXIST (something is mounted there), EBUSY (the upper is in use), EROFS (the kernel made it
 * read-only), EACCES (the mode of the work directory is not 0700), and those of the calls.
 */
export async function mountOverlay({ target, upper, by }: OverlayToMount): Promise<number> {
  const head = [upper?.directory ?? null, upper?.work ?? null, target] as const
  if ('data' in by) return binding().mountOverlay(...head, by.flags, by.data)
  const { commands, words } = encodeSettings(by.settings)
  return binding().mountNewOverlay(...head, commands, words, by.attributes)
}
