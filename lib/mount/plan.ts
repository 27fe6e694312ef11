/**
 * Mounts as data. A plan says which system calls make a mount; it is made without asking the kernel, so that it can be
 * tested anywhere, and performed by perform.ts.
 */

/** A mount as other programs take it (containerd's shape): JSON-safe, options as words of mount(8). */
export interface Mount {
  type: string
  source: string
  target?: string
  options: string[]
}

/** A piece of mount data: text, or a path that is opened (O_PATH) and written as its descriptor's number. */
export type DataPiece = string | { readonly open: string }

/** One fsconfig(2) setting: a flag, a string, or a path given as an O_PATH descriptor (no limit of 255 bytes). */
export type Setting =
  | { readonly key: string }
  | { readonly key: string; readonly value: string }
  | { readonly key: string; readonly open: string }

/** One step of a plan. */
export type MountStep =
  /** mount(2). With `directory`, from a thread whose working directory it is. With MS_REMOUNT, on what the steps before made. */
  | {
      readonly call: 'mount'
      readonly type: string
      readonly source: string
      readonly flags: number
      readonly data: readonly DataPiece[]
      readonly directory?: string
    }
  /** fsopen … fsmount: a detached mount, attached to the target when all steps are done. */
  | {
      readonly call: 'newMount'
      readonly type: string
      readonly settings: readonly Setting[]
      readonly attributes: number
    }
  /** fspick and reconfigure of the detached mount. */
  | { readonly call: 'reconfigure'; readonly settings: readonly Setting[] }

/** The steps that make a mount, in their order. */
export interface MountPlan {
  /** Which of a driver's forms this is, for status and tests: 'mount', 'fsconfig', 'relative', … */
  readonly form: string
  readonly type: string
  readonly readOnly: boolean
  readonly steps: readonly MountStep[]
  /** The same as data for other programs. */
  readonly mounts: readonly Mount[]
}
