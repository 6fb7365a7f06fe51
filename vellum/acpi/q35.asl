/* SPDX-License-Identifier: MIT */
/*
 * What a machine with a PCI bus has besides, put behind the other part into its
 * DSDT: the bus with its windows,
 * the routes of its interrupt pins, and the devices that come with it.  Must
 * agree with the headers in vellum/dev/: q35.h, pci.h, hpet.h, fwcfg.h.
 */
DefinitionBlock ("", "SSDT", 2, "VELLUM", "VELLUMQ3", 1)
{
	Name (\PICM, 0)		/* 1: the guest uses the IOAPIC */
	Method (\_PIC, 1) { PICM = Arg0 }

	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A08"))
			Name (_CID, EisaId ("PNP0A03"))
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed,
					PosDecode, 0, 0, 0xff, 0, 0x100)
				IO (Decode16, 0xcf8, 0xcf8, 1, 8)
				WordIO (ResourceProducer, MinFixed, MaxFixed,
					PosDecode, EntireRange,
					0, 0, 0xcf7, 0, 0xcf8)
				WordIO (ResourceProducer, MinFixed, MaxFixed,
					PosDecode, EntireRange,
					0, 0xd00, 0xffff, 0, 0xf300)
				DWordMemory (ResourceProducer, PosDecode,
					MinFixed, MaxFixed, Cacheable, ReadWrite,
					0, 0xa0000, 0xbffff, 0, 0x20000)
				DWordMemory (ResourceProducer, PosDecode,
					MinFixed, MaxFixed, NonCacheable, ReadWrite,
					0, 0xc0000000, 0xfebfffff, 0, 0x3ec00000)
			})

			/* Slots 0-24 use E to H, turned by one per slot */
			Method (_PRT, 0, Serialized)
			{
				Local0 = Package (128) {}
				Local1 = 0
				While (Local1 < 128)
				{
					Local2 = Local1 >> 2
					Local3 = Local1 & 3
					If (Local2 < 25)
					{
						Local3 = 4 + ((Local2 + Local3) & 3)
					}
					If (PICM)
					{
						Local4 = Package (4) { 0, 0, 0, 0 }
						Local4[3] = 16 + Local3
					}
					Else
					{
						Switch (ToInteger (Local3))
						{
						Case (0) { Local4 = Package (4) { 0, 0, LNKA, 0 } }
						Case (1) { Local4 = Package (4) { 0, 0, LNKB, 0 } }
						Case (2) { Local4 = Package (4) { 0, 0, LNKC, 0 } }
						Case (3) { Local4 = Package (4) { 0, 0, LNKD, 0 } }
						Case (4) { Local4 = Package (4) { 0, 0, LNKE, 0 } }
						Case (5) { Local4 = Package (4) { 0, 0, LNKF, 0 } }
						Case (6) { Local4 = Package (4) { 0, 0, LNKG, 0 } }
						Default  { Local4 = Package (4) { 0, 0, LNKH, 0 } }
						}
					}
					Local4[0] = (Local2 << 16) | 0xffff
					Local4[1] = Local1 & 3
					Local0[Local1] = Local4
					Local1++
				}
				Return (Local0)
			}

			Device (LPC)
			{
				Name (_ADR, 0x001f0000)
				OperationRegion (ROUT, PCI_Config, 0x60, 0x0c)
				Field (ROUT, ByteAcc, NoLock, Preserve)
				{
					PRQA, 8, PRQB, 8, PRQC, 8, PRQD, 8,
					Offset (8),
					PRQE, 8, PRQF, 8, PRQG, 8, PRQH, 8
				}

				Device (COM2)
				{
					Name (_HID, EisaId ("PNP0501"))
					Name (_UID, 2)
					Name (_STA, 0x0f)
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x2f8, 0x2f8, 0, 8)
						IRQNoFlags () { 3 }
					})
				}

				Device (KBD)
				{
					Name (_HID, EisaId ("PNP0303"))
					Name (_STA, 0x0f)
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x60, 0x60, 1, 1)
						IO (Decode16, 0x64, 0x64, 1, 1)
						IRQNoFlags () { 1 }
					})
				}
			}
		}

		Method (PSTA, 1)
		{
			If (Arg0 & 0x80) { Return (0x09) }
			Return (0x0b)
		}
		Method (PCRS, 1, Serialized)
		{
			Name (BUF, ResourceTemplate ()
			{
				Interrupt (, Level, ActiveHigh, Shared, , , INT) { 0 }
			})
			CreateDWordField (BUF, INT._INT, LINE)
			LINE = Arg0 & 0x0f
			Return (BUF)
		}

#define LINK(NAME, UID, REG) \
		Device (NAME) { \
			Name (_HID, EisaId ("PNP0C0F")) \
			Name (_UID, UID) \
			Name (_PRS, ResourceTemplate () { \
				Interrupt (, Level, ActiveHigh, Shared) { 5, 10, 11 } }) \
			Method (_STA) { Return (PSTA (\_SB.PCI0.LPC.REG)) } \
			Method (_DIS) { \_SB.PCI0.LPC.REG |= 0x80 } \
			Method (_CRS) { Return (PCRS (\_SB.PCI0.LPC.REG)) } \
			Method (_SRS, 1) { \
				CreateDWordField (Arg0, 5, LINE) \
				\_SB.PCI0.LPC.REG = LINE } \
		}
		LINK (LNKA, 0, PRQA)
		LINK (LNKB, 1, PRQB)
		LINK (LNKC, 2, PRQC)
		LINK (LNKD, 3, PRQD)
		LINK (LNKE, 4, PRQE)
		LINK (LNKF, 5, PRQF)
		LINK (LNKG, 6, PRQG)
		LINK (LNKH, 7, PRQH)

		Device (HPET)
		{
			Name (_HID, EisaId ("PNP0103"))
			Name (_CRS, ResourceTemplate ()
			{
				Memory32Fixed (ReadOnly, 0xfed00000, 0x400)
			})
		}

		/* What the board itself takes: configuration window, PM, fw_cfg */
		Device (MBRD)
		{
			Name (_HID, EisaId ("PNP0C02"))
			Name (_CRS, ResourceTemplate ()
			{
				Memory32Fixed (ReadWrite, 0xb0000000, 0x10000000)
				IO (Decode16, 0x600, 0x600, 1, 0x80)
				IO (Decode16, 0x4d0, 0x4d0, 1, 2)
				IO (Decode16, 0x510, 0x510, 1, 12)
			})
		}
	}
}
