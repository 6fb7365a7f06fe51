/* SPDX-License-Identifier: MIT */
/*
 * The machine's differentiated description: its ISA devices and how to switch
 * it off.  Compiled by iasl at build time.  Ports and lines must agree with
 * the headers in vellum/dev/.
 */
DefinitionBlock ("", "DSDT", 2, "VELLUM", "VELLUMPC", 1)
{
	/*
	 * SLP_TYP for PM1a_CNT, PM1b_CNT: PM_S5_TYPE.  Firmware and small
	 * systems that read no table take 0 for granted.
	 */
	Name (\_S5, Package () { 0, 0, 0, 0 })

	Scope (\_SB)
	{
		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 1)
			Name (_STA, 0x0f)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x3f8, 0x3f8, 0, 8)
				IRQNoFlags () { 4 }
			})
		}

		Device (RTC)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x70, 0x70, 0, 2)
				IRQNoFlags () { 8 }
			})
		}

		/* The guest kernel's driver for it is called pvpanic */
		Device (PEVT)
		{
			Name (_HID, "QEMU0001")
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x505, 0x505, 0, 1)
			})
		}
	}
}
