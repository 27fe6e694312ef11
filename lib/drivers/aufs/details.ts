import { statfs } from '../../sys/index.ts'
import { unless } from '../../store/index.ts'
import type { DriverDetails } from '../driver.ts'
import type { AufsForm, AufsOptions } from './options.ts'
import type { AufsProbe } from './probe.ts'
import type { XinoPlace } from './xino.ts'

/** What the aufs driver tells of an open root. */
export interface AufsInfo {
  /** Of aufs itself; left out where the kernel does not say. */
  version?: string
  /** The most branches of one union, the layer's own included. */
  branchLimit: number
  /** Where that is from: an option, what the kernel says, what it took when it was tried, or the least that there is. */
  branchLimitFrom: 'option' | 'told' | 'tried' | 'assumed'
  /** Whether mounts have the option. */
  dirperm1: boolean
  /** Where tables of inode numbers are made, and the bytes that are free there; left out: mounts do without. */
  xino?: { directory: string; freeBytes: number }
  /** How a stack is mounted that one call has no room for: 'fsconfig' at one instant, 'remount' piece by piece. */
  longStacks: Exclude<AufsForm, 'auto' | 'mount'>
  /** The form that was asked for. */
  form: AufsForm
}

export async function describeAufs(
  options: AufsOptions,
  { version, limit, dirperm1, fsconfig }: AufsProbe,
  place: XinoPlace,
): Promise<DriverDetails> {
  const form = options.form ?? 'auto'
  const remounts = form === 'auto' ? !fsconfig : form !== 'fsconfig'
  const xino = await describeXino(place)
  const aufs: AufsInfo = {
    ...(version !== undefined && { version }),
    branchLimit: options.maxBranches ?? limit.branches,
    branchLimitFrom: options.maxBranches === undefined ? limit.known : 'option',
    dirperm1: options.dirperm1 ?? dirperm1,
    ...(xino && { xino }),
    longStacks: remounts ? 'remount' : 'fsconfig',
    form,
  }
  return { rows: rowsOf(aufs, place.reason), aufs }
}

/** Somebody may have taken the directory away; it is made anew before the next mount. */
async function describeXino({ directory }: XinoPlace): Promise<AufsInfo['xino']> {
  if (directory === undefined) return undefined
  const found = await unless(statfs(directory), ['ENOENT', 'ENOTDIR', 'EACCES'], undefined)
  return { directory, freeBytes: found === undefined ? 0 : found.bavail * found.bsize }
}

const FROM: Readonly<Record<AufsInfo['branchLimitFrom'], string>> = {
  option: ' (as asked for)',
  told: '',
  tried: ' (tried)',
  assumed: ' (assumed)',
}

function rowsOf(info: AufsInfo, xino: string): Record<string, string> {
  const long = info.longStacks === 'fsconfig' ? 'by fsconfig, at one instant' : 'by remounts'
  return {
    'Branch Limit': `${String(info.branchLimit)}${FROM[info.branchLimitFrom]}`,
    'Dirperm1 Used': String(info.dirperm1),
    'Mount Plan': info.form === 'fsconfig' ? long : `one call; what does not fit it ${long}`,
    Xino: xino,
    ...(info.xino && { 'Xino Free': `${(info.xino.freeBytes / 2 ** 20).toFixed(0)} MiB` }),
  }
}
