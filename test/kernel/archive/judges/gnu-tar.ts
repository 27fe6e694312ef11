import { lines, run } from './tools.ts'

const exactly = ['--xattrs', '--xattrs-include=*', '--numeric-owner']

/** What GNU tar finds different between a tar and a tree: content, mode, owner, seconds, links, devices. */
export function gnuDifferences(tar: string, tree: string): string[] {
  const { status, output, complaints } = run('tar', [...exactly, '-df', tar, '-C', tree])
  return withStatus(status, [...lines(output), ...complaints])
}

/** What GNU tar has to say while it lists a tar with all its warnings on. */
export function gnuWarnings(tar: string): string[] {
  const { status, complaints } = run('tar', ['--warning=all', '-tvvf', tar])
  return withStatus(status, complaints)
}

export function withStatus(status: number | null, complaints: string[]): string[] {
  return status === 0 || complaints.length > 0 ? complaints : [`exit status ${String(status)}`]
}
