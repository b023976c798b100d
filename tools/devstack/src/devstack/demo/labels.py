"""What people call the codes of both services, for the screen."""

CHANNELS = {
    "letter": "จดหมาย ตู้ ปณ. 1111",
    "hotline": "สายด่วน 1111",
    "walk_in": "ศูนย์บริการประชาชน ทำเนียบรัฐบาล",
    "website": "เว็บไซต์",
    "po_box": "จดหมาย ตู้ ปณ. 4",
    "fax": "โทรสาร",
    "telephone": "โทรศัพท์",
    "email": "อีเมล",
}

WORK_GROUPS = {
    "information": "กสป. สารสนเทศวางแผนและประเมินผล",
    "participation": "กสร. เสริมสร้างศักยภาพและการมีส่วนร่วม",
    "administration": "กบท. บริหารจัดการทั่วไป",
    "audit": "กตผ. ตรวจสอบและติดตามผล",
    "academic": "กวค. วิชาการและเครือข่ายองค์ความรู้",
}

STATES = {
    "received": "รับเรื่องแล้ว",
    "verified": "ตรวจสอบแล้ว",
    "refused": "ไม่รับเรื่อง",
    "referred": "ส่งต่อแล้ว",
    "answered": "ตอบแล้ว",
    "closed": "ยุติเรื่อง",
    "withdrawn": "ถอนเรื่อง",
    "queued": "รอส่ง",
    "delivered": "ส่งถึงแล้ว",
    "accepted": "รับเรื่องแล้ว",
    "returned": "ส่งคืน",
}
