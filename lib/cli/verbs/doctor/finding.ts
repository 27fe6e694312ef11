/** One thing that decides whether it can work here. */
export interface Finding {
  /** A word that stays the same, for programs. */
  readonly check: string
  readonly title: string
  readonly status: 'ok' | 'warning' | 'error'
  /** What was found. */
  readonly found: string
  /** What follows from it, where it is not ok. */
  readonly reason?: string
  /** What to do about it. */
  readonly remedy?: string
}

/** What is not as it should be. */
export interface Trouble {
  readonly status: 'warning' | 'error'
  readonly reason: string
  readonly remedy: string
}

export function finding(check: string, title: string, found: string, trouble?: Trouble): Finding {
  return { check, title, found, ...(trouble ?? { status: 'ok' }) }
}
