// PAX records one by one: the records, a file `f`, and another entry that no record may reach.
import { accepted, entry, listed, pax, refused, tar } from './build.ts'
import type { Listed, Records, Vector } from './build.ts'

export const other = entry({ name: 'other' }, 'contents')
export const otherListed = listed({ name: 'other', body: 'contents' })

type Said = Partial<Omit<Listed, 'name' | 'linkname' | 'body'>> & { name?: string | Buffer }

export function good(name: string, records: Records, said: Said): Vector {
  return accepted(name, tar(pax(records), entry(), other), listed(said), otherListed)
}

export function bad(
  name: string,
  records: Records,
  code: 'ERR_ARCHIVE_FORMAT' | 'ERR_ARCHIVE_UNSUPPORTED' = 'ERR_ARCHIVE_FORMAT',
): Vector {
  return refused(name, code, tar(pax(records), entry(), other))
}
